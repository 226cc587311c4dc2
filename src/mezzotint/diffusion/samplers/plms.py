"""PLMS (Liu et al. 2022, PNDM without Runge-Kutta): Euler's method with a slope from the last four steps.

The first step has no history and calls the network twice, as Stable Diffusion's own sampler does. What is
averaged are noises; diffusers averages the outputs themselves, which for velocities is another method. From pure
noise, where no slope tells of the picture, the step is Euler's and is not remembered. Draws no noise.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import pure, toward
from mezzotint.diffusion.samplers.step import Step, Tuning

ADAMS_BASHFORTH = ((1,), (3, -1), (23, -16, 5), (55, -59, 37, -9))
"""Shares of the slopes, newest first, by how many there are. They are those for even steps; steps in sigma
are not, which leaves a method of second order."""


def plms(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """N + 1 calls for N steps (N when only the last is not from pure noise)."""
    slopes: deque[Tensor] = deque(maxlen=len(ADAMS_BASHFORTH))
    for index, here, there in plan.steps():
        way = (there.sigma - here.sigma).to(x)
        clean = denoise(x, here)
        if pure(here):
            x = toward(clean, x, here, there)
            yield Step(index, there, x, clean)
            continue
        slopes.appendleft((x - clean) / here.sigma.to(x))
        shares = ADAMS_BASHFORTH[len(slopes) - 1]
        total = sum((w * s for w, s in zip(shares, slopes, strict=True)), torch.zeros_like(x))
        slope = total / sum(shares)
        if len(slopes) == 1 and index < len(plan):
            trial = x + way * slope
            again = (trial - denoise(trial, replace(there, step=here.step, call=1))) / there.sigma.to(x)
            slope = (slope + again) / 2
        x = x + way * slope
        yield Step(index, there, x, clean)
