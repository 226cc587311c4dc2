"""Hint pictures, made from the pictures of training themselves.

Takes pictures as they are composed; gives what such a network looks at, one plane each, in 0..255. Knows no network.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mezzotint.hints import opencv
from mezzotint.hints.relief import depth_from
from mezzotint.train.depth import DepthSource
from mezzotint.train.latents import Row
from mezzotint.train.typed import from_planes
from mezzotint.values.hints import Canny

Plane = NDArray[np.uint8]
Hint = Callable[[int, Row], Plane]
"""`(index, picture of that index with caption and truth) -> H W uint8`."""


def edges_of(picture: Plane) -> Plane:
    """The edges that the hint `canny` finds in a picture `H W 3` uint8: 255 on black. Raises MissingExtra."""
    return opencv.edges(picture, Canny().low, Canny().high)


def edges(source: DepthSource) -> Hint:
    """The edges of a picture of training."""
    return lambda index, row: edges_of(row[0])


def levels(depth: NDArray[np.floating]) -> Plane:
    """A plane of depth as a picture of depth shows it: from black, its farthest, to white, its nearest."""
    return np.array(depth_from(depth).convert("L"))


def depth(source: DepthSource) -> Hint:
    """The depth of what a picture of training shows, as its composer knows it."""
    return lambda index, row: levels(source.depth(index))


HINTS: Mapping[str, Callable[[DepthSource], Hint]] = MappingProxyType({"canny": edges, "depth": depth})
"""What a network can be trained to follow, from the pictures of a source; names are those of the hints that are made
for drawing."""


def hints_beside(hint: Hint) -> Callable[[int, Sequence[Row]], Mapping[str, Tensor]]:
    """What is kept beside latents for a network that follows hints: `hint` N 1 H W uint8."""

    def beside(first: int, rows: Sequence[Row]) -> Mapping[str, Tensor]:
        return {"hint": from_planes([hint(first + k, row) for k, row in enumerate(rows)])}

    return beside


def to_hint(planes: Tensor, pixels: int, device: str = "cpu") -> Tensor:
    """Kept hints `B 1 H W` uint8 -> float32 `B pixels H W` in 0..1."""
    return (planes.to(device).float() / 255).expand(-1, pixels, -1, -1)
