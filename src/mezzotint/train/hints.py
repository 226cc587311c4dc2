"""Hint pictures, made from the pictures of training themselves.

Takes pictures as they are composed; gives what a ControlNet looks at, one plane each, in 0..255. Knows no network.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mezzotint.hints import opencv
from mezzotint.train.latents import Row
from mezzotint.train.typed import from_planes
from mezzotint.values.hints import Canny

Hint = Callable[[Row], NDArray[np.uint8]]
"""`picture with caption and truth -> H W uint8`."""


def edges_of(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The edges that the hint `canny` finds in a picture `H W 3` uint8: 255 on black. Raises MissingExtra."""
    return opencv.edges(picture, Canny().low, Canny().high)


def edges(row: Row) -> NDArray[np.uint8]:
    """The edges of a picture of training."""
    return edges_of(row[0])


HINTS: Mapping[str, Hint] = MappingProxyType({"canny": edges})
"""What a ControlNet can be trained for; names are those of the hints that are made for drawing."""


def hints_beside(hint: Hint) -> Callable[[int, Sequence[Row]], Mapping[str, Tensor]]:
    """What is kept beside latents for a ControlNet: `hint` N 1 H W uint8."""

    def beside(first: int, rows: Sequence[Row]) -> Mapping[str, Tensor]:
        return {"hint": from_planes([hint(row) for row in rows])}

    return beside


def to_hint(planes: Tensor, pixels: int, device: str = "cpu") -> Tensor:
    """Kept hints `B 1 H W` uint8 -> float32 `B pixels H W` in 0..1."""
    return (planes.to(device).float() / 255).expand(-1, pixels, -1, -1)
