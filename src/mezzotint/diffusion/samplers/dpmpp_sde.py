"""DPM-Solver++ for the stochastic equation (k-diffusion, `sample_dpmpp_sde`), with a call half-way.

Noise is drawn for half of a step and for the whole of it, so it should come from one Brownian path.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import at_an_end, halfway, partly
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpmpp_sde(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """Two calls and two draws of noise a step; one call to sigma = 0 or from alpha = 0."""
    for index, here, there in plan.steps():
        clean = aim = denoise(x, here)
        if not at_an_end(here, there):
            middle = halfway(plan, here, there)
            aim = denoise(partly(clean, x, here, middle, noise, tuning), middle)
        x = partly(aim, x, here, there, noise, tuning)
        yield Step(index, there, x, clean)
