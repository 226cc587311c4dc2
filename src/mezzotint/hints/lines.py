"""Hints that are lines, white on black: edges, scribbles, line art, straight lines.

Takes a picture RGB and the settings, gives a picture RGB of the same size.
"""

from functools import reduce

import numpy as np
from PIL import Image

from mezzotint.hints.opencv import blurred, drawn, edges, grey, segments, thickened
from mezzotint.hints.pixels import Bytes, Floats, picture, pixels
from mezzotint.values.hints import Canny, Lineart, Lines, Scribble, ScribbleXdog

FINE, COARSE = 0.5, 5.0
"""The two Gaussians of XDoG, in the annotator of published scribble networks."""
LEAST_CONTRAST = 16.0
"""Line art of a picture without contrast stays dark: differences are never scaled up from less than this."""
MIDDLE = 127.0
"""The level that the usual line of line art gets."""


def canny(image: Image.Image, options: Canny) -> Image.Image:
    """Edges of one pixel."""
    return picture(edges(pixels(image), options.low, options.high))


def scribble(image: Image.Image, options: Scribble) -> Image.Image:
    """Edges of the blurred picture, thickened."""
    thin = edges(blurred(pixels(image), options.sigma), options.low, options.high)
    return picture(thickened(thin, options.width))


def scribble_xdog(image: Image.Image, options: ScribbleXdog) -> Image.Image:
    """Where twice the difference of Gaussians is above the threshold in every channel (Winnemoeller et al. 2012, as
    the annotator of the published scribble networks has it)."""
    dark = _darker(pixels(image), FINE, COARSE)
    # The annotator compares whole levels, counted down from white.
    levels = 255 - np.trunc(255 - dark)
    return picture(np.where(2 * levels > options.threshold, np.uint8(255), np.uint8(0)))


def lineart(image: Image.Image, options: Lineart) -> Image.Image:
    """How much darker a pixel is than its blurred surroundings, scaled so that the usual line is mid-grey ("standard
    line art" of the published preprocessors)."""
    dark = _darker(pixels(image), 0.0, options.sigma)
    seen = dark[dark > options.floor]
    usual = max(LEAST_CONTRAST, float(np.median(seen))) if seen.size else LEAST_CONTRAST
    return picture((dark * (MIDDLE / usual)).clip(0, 255).astype(np.uint8))


def straight_lines(image: Image.Image, options: Lines) -> Image.Image:
    """The straight lines that are long enough."""
    found = segments(grey(pixels(image)))
    lengths = np.hypot(found[:, 2] - found[:, 0], found[:, 3] - found[:, 1])
    return picture(drawn(image.size, found[lengths >= options.shortest * max(image.size)]))


def _darker(levels: Bytes, fine: float, coarse: float) -> Floats:
    """By how many levels each pixel is darker than around it, `H W`, in the channel where it is so the least; at
    least 0. One channel after the other, for large pictures."""
    return reduce(np.minimum, (_apart(levels[..., n], fine, coarse) for n in range(3))).clip(0, 255)


def _apart(plane: Bytes, fine: float, coarse: float) -> Floats:
    values = plane.astype(np.float32)
    near: Floats = blurred(values, fine) if fine else values
    return blurred(values, coarse) - near
