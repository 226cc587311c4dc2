"""Euler's method: always straight to the clean latent (Karras et al. 2022, algorithm 2 uncorrected)."""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import churned, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def euler(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; first order. Draws noise only when it churns."""
    for index, here, there in plan.steps():
        x, up = churned(x, plan, here, noise, tuning)
        clean = denoise(x, up)
        x = toward(clean, x, up, there)
        yield Step(index, there, x, clean)
