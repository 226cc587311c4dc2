"""Reads from a picture what it shows: the colour of its thing, and which half holds which thing.

Takes RGB pictures on a plain ground. Gives colour words, crops and verdicts. Knows no model and no prompt; every
check is run on real pictures too, so that its own errors are known.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from mezzotint.train.data.colours import hue_of
from mezzotint.train.data.scenes import Scene

GROUND_DISTANCE = 48
"""How far, summed over the three channels, a pixel must be from the ground to belong to the thing."""


def content(image: Image.Image) -> NDArray[np.bool_]:
    """Which pixels `H W` belong to the thing: those unlike the ground, which is the median of the border."""
    pixels = np.asarray(image.convert("RGB")).astype(np.int16)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return np.abs(pixels - np.median(border, axis=0)).sum(-1) > GROUND_DISTANCE


def colour_of(image: Image.Image) -> str:
    """The everyday word for the dominant colour of what stands on the ground; `white` for an empty picture."""
    alpha = content(image).astype(np.uint8) * 255
    return hue_of(np.dstack([np.asarray(image.convert("RGB")), alpha])).name


def halves(image: Image.Image, scene: Scene) -> tuple[Image.Image, Image.Image]:
    """The part of the picture for the first and the second thing of a pair, each fitted on a white square."""
    width, height = image.size
    if scene.relation == "above":
        boxes = ((0, 0, width, height // 2), (0, height // 2, width, height))
    else:
        boxes = ((0, 0, width // 2, height), (width // 2, 0, width, height))
    first, second = (fitted(image.crop(box)) for box in boxes)
    return first, second


def fitted(image: Image.Image, side: int = 64, margin: int = 4) -> Image.Image:
    """What stands on the ground, cropped to it and fitted into a white square of `side` pixels."""
    inside = content(image)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    square = Image.new("RGB", (side, side), "white")
    if rows.size == 0:
        return square
    thing = image.crop((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    scale = (side - 2 * margin) / max(thing.size)
    size = max(1, round(thing.width * scale)), max(1, round(thing.height * scale))
    square.paste(thing.resize(size, Image.Resampling.BICUBIC), ((side - size[0]) // 2, (side - size[1]) // 2))
    return square


def in_order(first: Tensor, second: Tensor, wanted: tuple[int, int]) -> bool:
    """Whether two halves hold the two wanted things in that order rather than exchanged.

    `first` and `second` are the scores `C` of the halves for every known thing, `wanted` the places of the two.
    """
    a, b = wanted
    return bool(first[a] + second[b] > first[b] + second[a])


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of each pair of pictures `B 3 H W` in 0..1 -> `B`."""
    return -10 * torch.log10((a - b).square().mean((1, 2, 3)).clamp(min=1e-10))
