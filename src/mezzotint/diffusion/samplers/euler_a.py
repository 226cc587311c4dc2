"""Euler's ancestral method (k-diffusion, `sample_euler_ancestral`): DDIM whose noise is all renewed.

Its step down and back up is the one of DDIM, so only the default eta, 1 in the registry, differs.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.ddim import ddim
from mezzotint.diffusion.samplers.step import Step, Tuning


def euler_a(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call and one draw of noise a step."""
    return ddim(denoise, x, plan, noise, tuning)
