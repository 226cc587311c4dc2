"""Whether a picture has the depth it was asked to have, as a network reads it.

Takes pictures, a network that tells depth from them, and the depth that was wanted. Gives one figure a picture. Knows
no model and no files.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mezzotint.train.depth import correlation
from mezzotint.train.typed import numbers, pieces

Judge = Callable[[Tensor], Tensor]
"""`pictures B 3 H W in -1..1 -> depth B 1 H W`, in any unit, near is large. Best is one that made none of the hints."""
AT_ONCE = 16


@torch.no_grad()
def told(judge: Judge, pictures: Tensor) -> Tensor:
    """What `judge` says of pictures `N 3 H W` in -1..1 with the 256 levels that a file would have: `N 1 H W`."""
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    return torch.cat([judge(part).float() for part in pieces(levels, AT_ONCE)])


def agreements(made: Tensor, wanted: Tensor) -> list[float]:
    """Pearson's correlation of each of the depths `made` with that which was `wanted`, `N 1 H W` both, -1..1."""
    return numbers(correlation(made, wanted))


def agreements_within(made: Tensor, wanted: Tensor) -> list[float]:
    """The same over those pixels alone that should lie before the ground (0): whether what is round is round, where
    that things are at their place counts nothing."""
    found: list[float] = []
    for plane, truth in zip(made, wanted, strict=True):
        inside = truth > 0
        found += numbers(correlation(plane[inside][None], truth[inside][None]))
    return found
