"""Hints that are areas of colour: the picture with less detail, in other colours or in other shapes.

Takes a picture RGB and the settings, gives a picture RGB of the same size.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mezzotint.hints.opencv import averaged, bent, blurred, enlarged, repeated
from mezzotint.hints.pixels import picture, pixels
from mezzotint.values.hints import Blur, Colour, Invert, Shuffle, Tile


def tile(image: Image.Image, options: Tile) -> Image.Image:
    """Averaged down and made large again by cubic interpolation, as the tile network was taught to take it."""
    width, height = image.size
    small = averaged(pixels(image), _cells(width, options.down), _cells(height, options.down))
    return picture(enlarged(small, width, height))


def blur(image: Image.Image, options: Blur) -> Image.Image:
    """Through a Gaussian."""
    return picture(blurred(pixels(image), options.sigma))


def colour(image: Image.Image, options: Colour) -> Image.Image:
    """Squares of about `cell` pixels in their mean colour, for the colour adapter of T2I-Adapter. Its own annotator
    takes samples instead of means, which are as noisy as single pixels."""
    width, height = image.size
    means = averaged(pixels(image), _cells(width, options.cell), _cells(height, options.cell))
    return picture(repeated(means, width, height))


def invert(image: Image.Image, options: Invert) -> Image.Image:
    """255 less each level."""
    return picture(255 - pixels(image))


def shuffle(image: Image.Image, options: Shuffle) -> Image.Image:
    """Each pixel from a place that smooth noise says, which goes over the whole picture (ControlNet 1.1, shuffle)."""
    width, height = image.size
    # The legacy generator: its numbers are promised to stay the same, so one seed is one picture for good.
    draw = np.random.RandomState(options.seed)
    x = _smooth_noise(draw, width, height, options.cell) * (width - 1)
    y = _smooth_noise(draw, width, height, options.cell) * (height - 1)
    return picture(bent(pixels(image), x.astype(np.float32), y.astype(np.float32)))


def _cells(length: int, size: float) -> int:
    return max(1, round(length / size))


def _smooth_noise(draw: np.random.RandomState, width: int, height: int, cell: int) -> NDArray[np.float64]:
    """Noise `H W` from 0 to 1, both reached, cubic between random points about `cell` pixels apart."""
    points = draw.uniform(size=(height // cell + 2, width // cell + 2))
    # A margin of one cell on each side: there the interpolation has no points beyond.
    large = enlarged(points, width + 2 * cell, height + 2 * cell)
    noise = large[cell : cell + height, cell : cell + width]
    noise = noise - noise.min()
    return noise / max(float(noise.max()), 1e-6)
