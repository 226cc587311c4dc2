"""Hint pictures, made from the pictures of training themselves.

Takes pictures as they are composed; gives what a ControlNet looks at, one plane each, in 0..255. Knows no network.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mezzotint.train.latents import Row
from mezzotint.train.typed import from_planes

Hint = Callable[[Row], NDArray[np.uint8]]
"""`picture with caption and truth -> H W uint8`."""

LOW, HIGH = 100, 200
"""Canny's two thresholds, those of the published ControlNets' demonstrations."""


def edges_of(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """Edges of a picture `H W 3` uint8, 255 on black (Canny 1986, OpenCV's, 3x3 Sobel)."""
    return np.asarray(cv2.Canny(picture, LOW, HIGH), np.uint8)


def edges(row: Row) -> NDArray[np.uint8]:
    """The edges of a picture of training."""
    return edges_of(row[0])


HINTS: Mapping[str, Hint] = MappingProxyType({"edges": edges})
"""What a ControlNet can be trained for."""


def hints_beside(hint: Hint) -> Callable[[int, Sequence[Row]], Mapping[str, Tensor]]:
    """What is kept beside latents for a ControlNet: `hint` N 1 H W uint8."""

    def beside(first: int, rows: Sequence[Row]) -> Mapping[str, Tensor]:
        return {"hint": from_planes([hint(row) for row in rows])}

    return beside


def to_hint(planes: Tensor, pixels: int, device: str = "cpu") -> Tensor:
    """Kept hints `B 1 H W` uint8 -> float32 `B pixels H W` in 0..1."""
    return (planes.to(device).float() / 255).expand(-1, pixels, -1, -1)
