"""Euler's method with CFG++ (Chung et al. 2024): to the guided clean latent, with the noise of the unguided one.

The denoiser answers with both, `2 B C H W`: the guided clean latent and the one of the negative prompt. With eta = 0
it is DDIM with CFG++, with 1 its ancestral form.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import partly
from mezzotint.diffusion.samplers.step import Step, Tuning


def euler_cfg_pp(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step and, when eta > 0, one draw of noise."""
    for index, here, there in plan.steps():
        guided, free = denoise(x, here)
        x = partly(free, x, here, there, noise, tuning) + there.alpha.to(x) * (guided - free)
        yield Step(index, there, x, guided)
