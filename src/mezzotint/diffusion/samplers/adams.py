"""Weights of multistep methods: integrals of the polynomials through earlier points.

Takes where answers were given and the stretch to cross, gives one weight for each answer. All in float64, and of
`()` or `(B, 1, 1, 1)` alike. Knows no sampler.
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy
import torch
from torch import Tensor

_NODES = 24


def weights(
    places: Sequence[Tensor], start: Tensor, end: Tensor, density: Callable[[Tensor], Tensor]
) -> list[Tensor]:
    """The integral from `start` to `end` of each Lagrange polynomial of `places`, times `density`.

    By Gauss's quadrature, which is exact for polynomials and good to 1e-12 for the exponentials of the samplers.
    """
    points, gauss = quadrature(start, end)
    return [
        (gauss * density(points) * prod((points - b) / (a - b) for b in places if b is not a)).sum(0)
        for a in places
    ]


def quadrature(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The points of Gauss from `start` to `end` and their weights, each `(Q, ...)`."""
    raw = numpy.polynomial.legendre.leggauss(_NODES)
    nodes, gauss = (torch.as_tensor(a).reshape(-1, *[1] * start.ndim) for a in raw)
    half = (end - start) / 2
    return start + half * (nodes + 1), half * gauss
