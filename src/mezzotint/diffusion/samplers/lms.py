"""Linear multistep (k-diffusion, `sample_lms`): Adams-Bashforth for the uneven steps in sigma.

The polynomial through the last slopes is integrated over the step. Draws no noise.
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


def lms(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; of order `tuning.order`, lower in the first steps."""
    slopes: deque[tuple[Tensor, Tensor]] = deque(maxlen=tuning.order)
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        slopes.appendleft((here.sigma, slope(clean, x, here)))
        if len(slopes) == 1:  # The same, but without the large difference of a start from pure noise.
            x = toward(clean, x, here, there)
        else:
            shares = weights([sigma for sigma, _ in slopes], here.sigma, there.sigma, torch.ones_like)
            for share, (_, one) in zip(shares, slopes, strict=True):
                x = x + share.to(x) * one
        yield Step(index, there, x, clean)
