"""DPM-Solver++(2S) (Lu et al. 2022, algorithm 1) in k-diffusion's ancestral form, `sample_dpmpp_2s_ancestral`.

The clean latent half-way in log(alpha / sigma) is the aim of the whole step.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import at_an_end, halfway, landing, renewal, renewed, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpmpp_2s_a(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """Two calls and one draw of noise a step; one call to sigma = 0 or from alpha = 0. Second order for eta = 0."""
    for index, here, there in plan.steps():
        clean = aim = denoise(x, here)
        kept, fresh = renewal(here, there, tuning.eta)
        down, factor = landing(plan, here, kept)
        if not at_an_end(here, down):
            middle = halfway(plan, here, down)
            aim = denoise(toward(clean, x, here, middle), middle)
        x = factor.to(x) * toward(aim, x, here, down)
        x = renewed(x, fresh, here, there, noise, tuning)
        yield Step(index, there, x, clean)
