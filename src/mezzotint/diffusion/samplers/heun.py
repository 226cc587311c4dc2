"""Heun's method (Karras et al. 2022, algorithm 2): the mean of the slopes at both ends of a step.

The slope is the one in sigma, which on either path is the network's own; in other frames it is another method.
"""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import churned, pure, slope, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def heun(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """Two calls a step, one to sigma = 0 and from pure noise; second order. Draws noise only when it churns."""
    for index, here, there in plan.steps():
        x, up = churned(x, plan, here, noise, tuning)
        clean = denoise(x, up)
        first, trial = slope(clean, x, up), toward(clean, x, up, there)
        if bool((there.sigma > 0).all()) and not pure(up):
            second = slope(denoise(trial, replace(there, step=here.step, call=1)), trial, there)
            trial = x + (there.sigma - up.sigma).to(x) * (first + second) / 2
        x = trial
        yield Step(index, there, x, clean)
