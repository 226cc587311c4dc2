"""Quantiles of the symmetric beta distribution, without a library of special functions.

Takes probabilities in float64 and gives quantiles of the same shape. Does not know what they are for.
"""

import numpy
import torch
from torch import Tensor

_HALVINGS = 60


def symmetric_beta(p: Tensor, shape: float) -> Tensor:
    """Where the distribution function of Beta(shape, shape), 0 < shape <= 1, is `p`, within 0 .. 1.

    With u = x^shape the density has no pole at 0, and by symmetry only the lower half is needed; it is integrated
    by Gauss and inverted by halving. Near the middle the error is that of the quadrature, 1e-12.
    """
    nodes, weights = (torch.from_numpy(a) for a in numpy.polynomial.legendre.leggauss(64))  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType]

    def mass(x: Tensor) -> Tensor:
        u = x[..., None] ** shape * (nodes + 1) / 2
        return (x**shape / 2) * (weights * (1 - u ** (1 / shape)) ** (shape - 1)).sum(-1)

    upper = p > 0.5
    wanted = torch.where(upper, 1 - p, p) * 2 * mass(torch.full_like(p, 0.5))
    low, high = torch.zeros_like(p), torch.full_like(p, 0.5)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = mass(middle) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return torch.where(upper, 1 - high, high)
