"""Random masks for the training of inpainting, and pictures with holes in them.

Takes random generators and sizes; gives masks, and what an inpainting network is shown of a picture. Knows no network
but the autoencoder that encodes.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from mezzotint.train.bases import Base
from mezzotint.train.latents import Row
from mezzotint.train.samples import to_network
from mezzotint.train.typed import from_array, from_planes, pieces

Mask = NDArray[np.bool_]
"""`H W`, True where the picture is to be painted."""

ENCODED_AT_ONCE = 32
_MASKS = 5
"""Sets the random numbers of masks apart from those of pictures."""


def random_mask(random: np.random.Generator, size: int) -> Mask:
    """One mask for a picture of `size` pixels a side: boxes, strokes, all but a box, half of the picture, or all."""
    kinds = (_boxes, _strokes, _surroundings, _half, _whole)
    return kinds[int(random.choice(len(kinds), p=(0.35, 0.35, 0.1, 0.1, 0.1)))](random, size)


def _box(random: np.random.Generator, size: int, low: float, high: float) -> tuple[slice, slice]:
    tall, wide = (max(1, round(size * random.uniform(low, high))) for _ in range(2))
    top, left = int(random.integers(size - tall + 1)), int(random.integers(size - wide + 1))
    return slice(top, top + tall), slice(left, left + wide)


def _boxes(random: np.random.Generator, size: int) -> Mask:
    mask = np.zeros((size, size), np.bool_)
    for _ in range(int(random.integers(1, 4))):
        mask[_box(random, size, 0.15, 0.6)] = True
    return mask


def _surroundings(random: np.random.Generator, size: int) -> Mask:
    mask = np.ones((size, size), np.bool_)
    mask[_box(random, size, 0.4, 0.8)] = False
    return mask


def _half(random: np.random.Generator, size: int) -> Mask:
    """Everything on one side of a line across the picture."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    angle, away = random.uniform(0, 2 * np.pi), random.uniform(-0.2, 0.2) * size
    return np.asarray(np.cos(angle) * rows + np.sin(angle) * columns > away, np.bool_)


def _whole(random: np.random.Generator, size: int) -> Mask:
    return np.ones((size, size), np.bool_)


def _strokes(random: np.random.Generator, size: int) -> Mask:
    """One to three bent lines of a thick brush."""
    image = Image.new("1", (size, size))
    brush = ImageDraw.Draw(image)
    for _ in range(int(random.integers(1, 4))):
        width = max(2, round(size * random.uniform(0.08, 0.25)))
        points = [(float(x), float(y)) for x, y in random.uniform(0, size, (int(random.integers(2, 6)), 2))]
        brush.line(points, fill=1, width=width, joint="curve")
        for x, y in points:
            brush.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=1)
    return np.array(image, np.bool_)


def mask_of(index: int, size: int) -> Mask:
    """The mask of the picture of `index`."""
    return random_mask(np.random.default_rng((_MASKS, index)), size)


def holed(pictures: Tensor, masks: Tensor) -> Tensor:
    """Pictures `B 3 H W` in -1..1 with the middle grey (0) where `masks` B 1 H W are 1."""
    return pictures * (1 - masks)


def shrunk(masks: Tensor, side: tuple[int, int]) -> Tensor:
    """Masks `B 1 H W` of 0 and 1 at latent size: each value is that of its nearest pixel, as Stable Diffusion's
    inpainting has it (scripts/inpaint.py)."""
    return F.interpolate(masks, size=side, mode="nearest")


def shown(base: Base, pictures: Tensor, masks: Tensor) -> Tensor:
    """Pictures `B 3 H W` in -1..1 and masks `B 1 H W` of 0 and 1 -> the planes that join the latent: the mask and
    the encoded picture with its hole, `B (1 + C) h w`."""
    parts = zip(pieces(pictures, ENCODED_AT_ONCE), pieces(masks, ENCODED_AT_ONCE), strict=True)
    made: list[Tensor] = []
    with torch.no_grad():
        for picture, mask in parts:
            mean, _ = base.autoencoder.encode(holed(picture, mask).to(base.device))
            small = shrunk(mask.to(base.device), (mean.shape[-2], mean.shape[-1]))
            made.append(torch.cat([small, base.scaled(mean)], dim=1))
    return torch.cat(made)


def stacked(first: int, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    """Pictures `N 3 H W` in -1..1 and their masks `N 1 H W` of 0 and 1."""
    pictures = to_network(torch.stack([from_array(picture) for picture, _, _ in rows]))
    masks = [mask_of(first + k, picture.shape[0]) for k, (picture, _, _) in enumerate(rows)]
    return pictures, from_planes(masks).float()


def masks_beside(base: Base) -> Callable[[int, Sequence[Row]], Mapping[str, Tensor]]:
    """What is kept beside latents for inpainting: `planes` N (1 + C) h w float16."""

    def beside(first: int, rows: Sequence[Row]) -> Mapping[str, Tensor]:
        return {"planes": shown(base, *stacked(first, rows)).half().cpu()}

    return beside
