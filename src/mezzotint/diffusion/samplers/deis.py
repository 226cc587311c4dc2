"""DEIS (Zhang & Chen 2023, tAB): Adams-Bashforth in log sigma, which is even where steps are.

The polynomial in log sigma through the last slopes is integrated over sigma. Draws no noise.
"""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.adams import weights
from mezzotint.diffusion.samplers.moves import slope, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def deis(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; of order `tuning.order`, lower in the first steps, 1 in a step to sigma = 0."""
    slopes: deque[tuple[Tensor, Tensor]] = deque(maxlen=tuning.order)
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        slopes.appendleft((here.sigma.log(), slope(clean, x, here)))
        if bool((there.sigma > 0).all()):
            logs = [log for log, _ in slopes]
            shares = weights(logs, logs[0], there.sigma.log(), torch.exp)
            for share, (_, one) in zip(shares, slopes, strict=True):
                x = x + share.to(x) * one
        else:
            x = toward(clean, x, here, there)
        yield Step(index, there, x, clean)
