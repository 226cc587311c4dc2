"""The second-order method of DPM-Solver (Lu et al. 2022) as k-diffusion's `sample_dpm_2` walks it.

The slope half-way in log sigma carries the whole step.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import churned, pure, slope, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpm2(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """Two calls a step, one in a step to sigma = 0; second order. Draws noise only when it churns."""
    for index, here, there in plan.steps():
        x, up = churned(x, plan, here, noise, tuning)
        clean = denoise(x, up)
        x = through_the_middle(denoise, clean, x, plan, up, there)
        yield Step(index, there, x, clean)


def through_the_middle(
    denoise: Denoiser, clean: Tensor, x: Tensor, plan: Plan, here: Level, there: Level
) -> Tensor:
    """x at `there`, by the slope at the level half-way in log sigma; straight to `clean` when that is 0, and
    from pure noise."""
    if not bool((there.sigma > 0).all()) or pure(here):
        return toward(clean, x, here, there)
    middle = plan.at((here.sigma * there.sigma).sqrt(), here.step, 1)
    between = toward(clean, x, here, middle)
    second = slope(denoise(between, middle), between, middle)
    return x + (there.sigma - here.sigma).to(x) * second
