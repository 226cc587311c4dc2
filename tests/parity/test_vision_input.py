"""The preparation of pictures against transformers' CLIPImageProcessor."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from mezzotint.nets.vision_input import MEAN, STD, clip_pixels

LEVEL = 1 / 255 / max(STD)
SIZES = [(224, 224), (300, 225), (97, 61), (640, 333), (32, 500), (1023, 768)]


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rng = np.random.default_rng(width * height)
    coarse = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    grain = rng.integers(0, 40, (height, width, 3), dtype=np.uint8)
    mixed = Image.fromarray(np.asarray(smooth) // 2 + grain)
    return mixed.convert(mode)


@pytest.mark.parametrize("side", [224, 30])
@pytest.mark.parametrize("size", SIZES)
def test_the_same_pixels_as_transformers(size: tuple[int, int], side: int) -> None:
    given = picture(*size)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}, return_tensors="pt"
    )
    expected = processor(given, return_tensors="pt")["pixel_values"].float()
    ours = clip_pixels([given], side)
    assert ours.shape == (1, 3, side, side) and ours.dtype == torch.float32
    assert (ours - expected).abs().max() < LEVEL / 1000
    other = picture(*size).resize((side, side))
    if size[0] != size[1]:
        assert (clip_pixels([other], side) - expected).abs().max() > 10 * LEVEL


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_other_modes(mode: str) -> None:
    given = picture(90, 60, mode)
    expected = CLIPImageProcessorPil()(given, return_tensors="pt")["pixel_values"].float()
    assert (clip_pixels([given], 224) - expected).abs().max() < LEVEL / 1000


def test_grey_is_the_mean() -> None:
    grey = Image.new("RGB", (9, 9), tuple(round(255 * mean) for mean in MEAN))
    assert clip_pixels([grey, grey], 8).abs().max() < LEVEL
