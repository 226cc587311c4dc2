"""What is done to pictures and masks before and after drawing, as functions of pixels.

Takes and gives Pillow images and numpy arrays of 8 bits. Knows no recipe and no network.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageFilter

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, as Pillow has it."""

Array = np.ndarray[Any, np.dtype[Any]]


def black_and_white(mask: Image.Image) -> Image.Image:
    """A mask (L) without grey: white from half-way on."""
    return mask.point([0] * 128 + [255] * 128)


def grown(mask: Image.Image, pixels: int) -> Image.Image:
    """A mask (L) whose bright parts reach `pixels` further on every side, or less far when it is negative."""
    if not pixels:
        return mask
    values = np.asarray(mask)
    return Image.fromarray(_spread(values, pixels) if pixels > 0 else 255 - _spread(255 - values, -pixels))


def _spread(values: Array, reach: int) -> Array:
    """The greatest value within `reach` along both axes."""
    for axis in (0, 1):
        done = 0
        while done < reach:
            # After a reach of n the next one may be n + 1: what lies between is covered already.
            step = min(reach - done, done + 1)
            padded = np.pad(values, [(step, step) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
            length = values.shape[axis]
            along = [slice(start, start + length) for start in (0, 2 * step)]
            low, high = (padded[part] if axis == 0 else padded[:, part] for part in along)
            values = np.maximum(values, np.maximum(low, high))
            done += step
    return values


def blurred(mask: Image.Image, pixels: float) -> Image.Image:
    """A mask (L) under a Gaussian of this deviation."""
    return mask.filter(ImageFilter.GaussianBlur(pixels)) if pixels else mask


def any_of(mask: Image.Image) -> Image.Image:
    """White wherever a mask (L) is not black."""
    return mask.point([0] + [255] * 255)


def faded(mask: Image.Image) -> Image.Image:
    """How far a drawing under a soft mask (L) covers the picture: wholly from a quarter on, so that what the mask
    lets change a little is seen, and not at all where it is black, with no step between."""
    return mask.point([min(255, 4 * level) for level in range(256)])


def surround(image: Image.Image, mask: Image.Image) -> Image.Image:
    """`image` (RGB) with what lies under `mask` (L) replaced by the colours around it, smoothly.

    Averages of ever larger squares over what is known, from which the unknown is filled in (pull-push, Gortler et al.
    1996). A picture that is masked whole becomes grey.
    """
    known = 1.0 - np.asarray(mask, np.float64)[..., None] / 255
    colours = np.asarray(image, np.float64)
    return Image.fromarray(_filled(colours * known, known).round().clip(0, 255).astype(np.uint8))


def _filled(weighted: Array, weight: Array) -> Array:
    """Colours H W 3 of `weighted` sums with their `weight` H W 1 within 0..1."""
    rows, columns = weight.shape[:2]
    if max(rows, columns) == 1:
        return np.where(weight > 0, weighted / np.maximum(weight, 1e-9), 127.5)
    halves = [_halved(part) for part in (weighted, weight)]
    total = np.minimum(halves[1], 1.0)
    scale = total / np.maximum(halves[1], 1e-9)
    coarse = _resized(_filled(halves[0] * scale, total), rows, columns)
    return weighted + (1 - weight) * coarse


def _halved(values: Array) -> Array:
    """Sums of squares of two by two."""
    rows, columns = values.shape[:2]
    values = np.pad(values, ((0, rows % 2), (0, columns % 2), (0, 0)))
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _resized(colours: Array, rows: int, columns: int) -> Array:
    """H W 3 at another size, between pixels linearly."""
    planes = [
        Image.fromarray(colours[..., i].astype(np.float32)).resize((columns, rows), Image.Resampling.BILINEAR)
        for i in range(colours.shape[2])
    ]
    return np.stack([np.asarray(plane, np.float64) for plane in planes], axis=2)


def around(mask: Image.Image, padding: int, shape: tuple[int, int]) -> Box | None:
    """The part of a mask (L) with all that is not black and `padding` pixels more, widened to the proportions of
    `shape` (width, height) as far as there is room; None for a black mask."""
    found = mask.getbbox()
    if found is None:
        return None
    left, top, right, bottom = found
    box = (left - padding, top - padding, right + padding, bottom + padding)
    width, height = mask.size
    wanted = shape[0] / shape[1]
    across = min(right - left + 2 * padding, width)
    down = min(bottom - top + 2 * padding, height)
    if across < down * wanted:
        across = min(width, round(down * wanted))
    else:
        down = min(height, round(across / wanted))
    x = _placed((box[0] + box[2] - across) // 2, across, width)
    y = _placed((box[1] + box[3] - down) // 2, down, height)
    return x, y, x + across, y + down


def _placed(start: int, length: int, room: int) -> int:
    return max(0, min(start, room - length))


def extended(image: Image.Image, sides: tuple[int, int, int, int]) -> Image.Image:
    """`image` with new space to its left, top, right and bottom, of the colours of its edge."""
    left, top, right, bottom = sides
    widths = [(top, bottom), (left, right), *[(0, 0)] * (len(image.getbands()) > 1)]
    return Image.fromarray(np.pad(np.asarray(image), widths, mode="edge"))


def new_space(size: tuple[int, int], sides: tuple[int, int, int, int]) -> Image.Image:
    """The mask (L) of the space that `extended` adds to a picture of `size`: white."""
    left, top, right, bottom = sides
    whole = Image.new("L", (size[0] + left + right, size[1] + top + bottom), 255)
    whole.paste(0, (left, top, left + size[0], top + size[1]))
    return whole


def pasted(below: Image.Image, above: Image.Image, mask: Image.Image) -> Image.Image:
    """`above` where the mask (L) is white, over `below`, whose pixels are untouched where it is black."""
    return Image.composite(above, below, mask)


def lifted(image: Image.Image, alpha: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    """The colours that, under `alpha` (L), look like `image` (RGB) on `ground`; where nothing is seen, `image`."""
    share = np.asarray(alpha, float)[..., None] / 255
    seen, below = np.asarray(image, float), np.asarray(ground, float)
    colours = (seen - (1 - share) * below) / np.maximum(share, 1 / 255)
    return Image.fromarray(np.where(share > 0, colours, seen).round().clip(0, 255).astype(np.uint8))
