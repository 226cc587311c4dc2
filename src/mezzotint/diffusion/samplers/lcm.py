"""Sampling of latent consistency models (Luo et al. 2023, algorithm 3): to the clean latent, all noise anew."""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.step import Step, Tuning


def lcm(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call and one draw of noise a step, none in a step to sigma = 0."""
    for index, here, there in plan.steps():
        clean = x = denoise(x, here)
        if bool((there.sigma > 0).any()):
            drawn = (tuning.s_noise * there.sigma).to(x) * noise(here, there, "step").to(x)
            x = there.alpha.to(x) * clean + drawn
        yield Step(index, there, x, clean)
