"""The functions of OpenCV that hints are made with, fully typed.

Takes and gives arrays, `H W` or `H W C`. Each raises MissingExtra when OpenCV, an optional package, is not installed.
Adds no behaviour.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mezzotint.hints.pixels import Bytes, Floats
from mezzotint.values.errors import MissingExtra

Array = NDArray[Any]


def opencv() -> Any:
    """The module cv2. Raises MissingExtra."""
    try:
        import cv2  # noqa: PLC0415 - an optional third party
    except ImportError:
        raise MissingExtra("control", "opencv-python-headless") from None
    return cv2


def edges(levels: Bytes, low: float, high: float) -> Bytes:
    """Canny's edges, 0 and 255, `H W`: Sobel 3 x 3, |x| + |y|; of colours, the steepest channel."""
    return opencv().Canny(np.ascontiguousarray(levels), low, high)


def blurred(values: Array, sigma: float) -> Array:
    """Through a Gaussian of any size that OpenCV finds enough for `sigma`, in the type of `values`."""
    return opencv().GaussianBlur(np.ascontiguousarray(values), (0, 0), sigma)


def thickened(mask: Bytes, width: int) -> Bytes:
    """Each pixel of a mask as a disc of `width` pixels."""
    cv2 = opencv()
    return cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))


def averaged(values: Array, width: int, height: int) -> Array:
    """Made smaller: each pixel is the mean of the area that it stands for."""
    cv2 = opencv()
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_AREA)


def enlarged(values: Array, width: int, height: int) -> Array:
    """Made larger by cubic interpolation."""
    cv2 = opencv()
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC)


def repeated(values: Array, width: int, height: int) -> Array:
    """Made larger by repeating the nearest pixel."""
    cv2 = opencv()
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_NEAREST)


def slopes(values: Floats) -> tuple[Floats, Floats]:
    """Sobel's 3 x 3 gradients to the right and downwards: 8 times the difference of neighbours."""
    cv2 = opencv()
    return tuple(cv2.Sobel(values, cv2.CV_32F, x, y, ksize=3) for x, y in ((1, 0), (0, 1)))  # pyright: ignore[reportReturnType]


def bent(levels: Bytes, x: Floats, y: Floats) -> Bytes:
    """The picture whose every pixel is the one at `(x, y)`, `H W` each, linearly between pixels."""
    cv2 = opencv()
    return cv2.remap(levels, x, y, cv2.INTER_LINEAR)


def segments(grey: Bytes) -> Floats:
    """Straight lines in a grey picture as `N 4`, x and y of both ends: LSD (Grompone von Gioi et al. 2010)."""
    cv2 = opencv()
    found = cv2.createLineSegmentDetector().detect(np.ascontiguousarray(grey))[0]
    return np.zeros((0, 4), np.float32) if found is None else found.reshape(-1, 4)


def drawn(size: tuple[int, int], lines: Iterable[Floats]) -> Bytes:
    """White lines of one pixel on black, `H W` for `size` (width, height)."""
    cv2 = opencv()
    plane = np.zeros(size[::-1], np.uint8)
    for x0, y0, x1, y1 in (np.rint(line).astype(int).tolist() for line in lines):
        cv2.line(plane, (x0, y0), (x1, y1), 255, 1)
    return plane


def grey(levels: Bytes) -> Bytes:
    """The luma of colours, `H W`."""
    cv2 = opencv()
    return cv2.cvtColor(np.ascontiguousarray(levels), cv2.COLOR_RGB2GRAY)
