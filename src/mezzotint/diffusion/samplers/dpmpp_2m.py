"""DPM-Solver++(2M) (Lu et al. 2022, algorithm 2): aims at where the clean latent is moving to.

Draws no noise.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpmpp_2m(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; second order, but first order in the first step and in a step to sigma = 0.

    A step from alpha = 0 is infinitely long in log(alpha / sigma), so the one after it is of first order too.
    """
    last: tuple[Tensor, Tensor] | None = None
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        length = (here.sigma * there.alpha / (here.alpha * there.sigma)).log()
        aim = clean
        if last is not None:
            before, length_before = last
            aim = clean + ahead(there, length, length_before).to(x) * (clean - before)
        x = toward(aim, x, here, there)
        last = clean, length
        yield Step(index, there, x, clean)


def ahead(there: Level, length: Tensor, length_before: Tensor) -> Tensor:
    """How far to aim beyond the clean latent, in steps before; lengths are in log(alpha / sigma)."""
    return torch.where(there.sigma > 0, length / length_before / 2, 0.0)
