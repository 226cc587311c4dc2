"""Euler's method: always straight to the clean latent (Karras et al. 2022, algorithm 1 uncorrected).

Draws no noise; eta is not used.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.step import Step, toward


def euler(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, eta: float) -> Iterator[Step]:
    """One call a step; first order."""
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        x = toward(clean, x, here, there)
        yield Step(index, there, x, clean)
