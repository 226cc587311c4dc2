"""Hints of shape: depth as a picture, and the directions of surfaces that a depth picture tells.

Takes depth as the networks for it give it, or as a picture; near is large, or bright. Gives pictures RGB of the same
size.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mezzotint.hints.opencv import blurred, grey, slopes
from mezzotint.hints.pixels import Floats, picture, pixels
from mezzotint.values.hints import Normal


def depth_from(depth: NDArray[np.floating]) -> Image.Image:
    """The hint of a depth map `H W`: its least value black, its greatest white; a map of one value is black.

    Values have to be finite.
    """
    return picture(np.rint(_stretched(depth) * 255).astype(np.uint8))


def normal(image: Image.Image, options: Normal) -> Image.Image:
    """Normals of a depth picture, whose steps of one level are smoothed first."""
    depth = grey(pixels(image)).astype(np.float32)
    background = _stretched(depth) < options.background
    smooth: Floats = blurred(depth, options.smooth) if options.smooth else depth
    return _normals(smooth, background, options.flatness)


def normals_from(depth: NDArray[np.floating], options: Normal) -> Image.Image:
    """Normals of a depth map `H W`, as `normal` makes them of a picture of it; a map without steps needs no smoothing.

    Values have to be finite; their range is taken for that of a picture.
    """
    whole = _stretched(depth)
    levels = (whole * 255).astype(np.float32)
    return _normals(levels, whole < options.background, options.flatness)


def _normals(depth: Floats, background: NDArray[np.bool_], flatness: float) -> Image.Image:
    """Sobel's slopes of depth in levels as colours (ControlNet 1.0, from MiDaS' depth): red is the slope to the right,
    green the one downwards, blue what faces the viewer; 127 is 0."""
    x, y = slopes(depth)
    x[background] = 0
    y[background] = 0
    vectors = np.stack([x, y, np.full_like(x, flatness)], axis=2)
    unit: Floats = vectors / np.sqrt(np.sum(vectors**2, axis=2, keepdims=True))
    return picture((unit * 127.5 + 127.5).clip(0, 255).astype(np.uint8))


def _stretched(depth: NDArray[np.floating]) -> NDArray[np.float64]:
    """From 0, the least value, to 1, the greatest."""
    values = np.asarray(depth, np.float64)
    least, greatest = values.min(), values.max()
    return (values - least) / (greatest - least) if greatest > least else np.zeros_like(values)
