"""Improved PNDM (Zhang & Chen 2023, appendix): PLMS that starts with Euler's step instead of two calls.

Its weights are those for even steps, as in PLMS. Draws no noise.
"""

from collections import deque
from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import slope, toward
from mezzotint.diffusion.samplers.plms import ADAMS_BASHFORTH
from mezzotint.diffusion.samplers.step import Step, Tuning


def ipndm(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step."""
    slopes: deque[Tensor] = deque(maxlen=tuning.order)
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        slopes.appendleft(slope(clean, x, here))
        shares = ADAMS_BASHFORTH[len(slopes) - 1]
        if len(slopes) == 1:  # The same, but without the large difference of a start from pure noise.
            x = toward(clean, x, here, there)
        else:
            for share, one in zip(shares, slopes, strict=True):
                x = x + ((there.sigma - here.sigma) * share / sum(shares)).to(x) * one
        yield Step(index, there, x, clean)
