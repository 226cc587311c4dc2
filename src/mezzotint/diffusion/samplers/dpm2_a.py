"""The ancestral form of DPM2 (k-diffusion, `sample_dpm_2_ancestral`): down too far, and noise back up."""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.dpm2 import through_the_middle
from mezzotint.diffusion.samplers.moves import landing, renewal, renewed
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpm2_a(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """Two calls and one draw of noise a step, one call in a step to sigma = 0."""
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        kept, fresh = renewal(here, there, tuning.eta)
        down, factor = landing(plan, here, kept)
        x = factor.to(x) * through_the_middle(denoise, clean, x, plan, here, down)
        x = renewed(x, fresh, here, there, noise, tuning)
        yield Step(index, there, x, clean)
