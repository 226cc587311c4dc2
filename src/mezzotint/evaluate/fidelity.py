"""How near one set of pictures is to another as a whole: the Frechet and the kernel distance of their features.

Takes features `N D` of two sets. Gives FID (Heusel et al., arXiv 1706.08500) and KID (Binkowski et al.,
arXiv 1801.01401). Knows neither the network that made the features nor the pictures.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Distance:
    """FID, and KID with its standard error over subsets, between two sets of `n` pictures each."""

    fid: float
    kid: float
    kid_error: float
    n: int


def _checked(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        shapes = f"{tuple(a.shape)} and {tuple(b.shape)}"
        raise BadValue("features", f"cannot compare {shapes}", "give two N x D sets, N at least 2")
    return a.double(), b.double()


def frechet(a: Tensor, b: Tensor) -> float:
    """The squared Frechet distance of the Gaussians fitted to features `N D` and `M D`, in float64.

    tr sqrt(S1 S2) is taken as the nuclear norm of X1 X2' / sqrt((N - 1)(M - 1)), X the centred features: the same
    number without a matrix square root, exact also where N < D and the covariances are singular.
    """
    a, b = _checked(a, b)
    x, y = a - a.mean(0), b - b.mean(0)
    spread = x.square().sum() / (len(a) - 1) + y.square().sum() / (len(b) - 1)
    values = cast(Tensor, torch.linalg.svdvals(x @ y.T))  # pyright: ignore[reportUnknownMemberType]
    shared = values.sum() / ((len(a) - 1) * (len(b) - 1)) ** 0.5
    return float((a.mean(0) - b.mean(0)).square().sum() + spread - 2 * shared)


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    return (a @ b.T / a.shape[1] + 1) ** 3


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """The unbiased squared maximum mean discrepancy of features `N D` and `M D` under the cubic kernel."""
    a, b = _checked(a, b)
    n, m = len(a), len(b)
    within_a, within_b = _kernel(a, a), _kernel(b, b)
    same = (within_a.sum() - within_a.trace()) / (n * (n - 1)) + (within_b.sum() - within_b.trace()) / (
        m * (m - 1)
    )
    return float(same - 2 * _kernel(a, b).mean())


def distance(a: Tensor, b: Tensor, subsets: int = 10) -> Distance:
    """FID and KID between two sets of features; KID's error is that of the mean over disjoint subsets."""
    parts: Iterable[tuple[Tensor, Tensor]] = zip(a.chunk(subsets), b.chunk(subsets), strict=True)
    spread = torch.tensor([kernel_distance(x, y) for x, y in parts], dtype=torch.float64)
    error = float(spread.std() / len(spread) ** 0.5)
    return Distance(frechet(a, b), kernel_distance(a, b), error, min(len(a), len(b)))
