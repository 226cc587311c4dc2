"""What models that look at a whole picture make of it, against closed forms."""

import pytest
import torch

from mezzotint.families.look import Eyes, Shown
from mezzotint.families.sights import upscaling


@pytest.mark.parametrize("level", [0, 20, 350])
def test_the_small_picture_has_the_noise_of_its_level(level):
    """Betas of scaled-linear 0.0001 to 0.02: what is left of the picture is the root of their product so far."""
    betas = torch.linspace(0.0001**0.5, 0.02**0.5, 1000, dtype=torch.float64) ** 2
    left = (1 - betas).cumprod(0)[level]
    pixels = torch.full((1, 3, 2, 2), 0.5)
    seen = upscaling(Eyes(lambda x: x, {}, 4), Shown(pixels, None, torch.ones, level)).usual
    assert seen.planes.flatten().tolist() == pytest.approx(
        [float(left.sqrt() * 0.5 + (1 - left).sqrt())] * 12
    )
    assert seen.numbers.tolist() == [[level]]
