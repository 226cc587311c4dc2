"""Paths that begin from pure noise (zero terminal SNR): nothing overflows, and every sampler is finite at both ends."""

import pytest
import torch

from diffusion.toys import SHAPE, normal, suited
from mezzotint.diffusion.denoise import predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.noise import SeededNoise
from mezzotint.diffusion.objective import loss, weight
from mezzotint.diffusion.path import Diffused, scaled_linear
from mezzotint.diffusion.plan import make_plan
from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.diffusion.samplers.registry import SAMPLERS

FLOORS = (2.0**-24, 1e-12)
PATHS = {floor: Diffused(scaled_linear(0.00085, 0.012, 1000), floor) for floor in FLOORS}
EACH = pytest.mark.parametrize("floor", FLOORS)


@EACH
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_network_sees_unit_noise_at_the_start(floor: float, dtype: torch.dtype) -> None:
    path = PATHS[floor]
    noise, level = normal(dtype=dtype), make_plan(path, "trailing", 10).levels[0]
    seen = VELOCITY.scale_in(path.begin(noise, level), level)
    assert torch.allclose(seen, noise, rtol=1e-6, atol=0) and bool(seen.half().isfinite().all())
    # There v is the negative of the picture, which comes out whole.
    picture = normal(seed=1, dtype=dtype)
    clean = VELOCITY.clean(-picture, path.begin(noise, level), level)
    assert float((clean - picture).abs().max()) <= 6 * floor**0.5


@EACH
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace", "karras"])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 12])
def test_every_sampler_is_finite_at_both_ends(sampler: str, steps: int, spacing: str, floor: float) -> None:
    path, entry = PATHS[floor], SAMPLERS[sampler]
    plan = make_plan(path, spacing, steps)
    noise = SeededNoise([1, 2, 3], SHAPE[1:])
    denoise = plain(predictor(lambda x, t: torch.tanh(x - (t / 1000).reshape(-1, 1, 1, 1))[None], VELOCITY))
    denoise = suited(sampler, denoise)
    states = list(
        entry.sample(denoise, path.begin(noise.initial(), plan.levels[0]), plan, noise, entry.tuning)
    )
    assert len(states) == steps
    assert all(bool(step.x.isfinite().all()) and bool(step.clean.isfinite().all()) for step in states)
    # Other spacings put few steps where the picture is made, which second-order methods do not survive.
    assert spacing != "trailing" or float(states[-1].x.abs().max()) < 10


@EACH
def test_training_reaches_the_end(floor: float) -> None:
    path, clean = PATHS[floor], normal()
    level = path.training(torch.tensor([999, 999, 0]))
    assert bool(weight(level, VELOCITY, 5.0).isfinite().all())
    for seed in range(20):
        value = loss(lambda x, t: x, clean, VELOCITY, path, torch.Generator().manual_seed(seed), 5.0)
        assert bool(value.isfinite())
