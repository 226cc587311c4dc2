"""DDIM (Song et al. 2021, equations 12 and 16): steps down further than asked, and noise back up.

With eta = 0 it draws nothing and is Euler's method; with eta = 1 it is Euler's ancestral method and, up to that
name, DDPM (Ho et al. 2020) with the smaller of its two variances. Divided by alpha these are one formula; flow
samplers that renew noise by a rule of sigma alone are others.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import partly
from mezzotint.diffusion.samplers.step import Step, Tuning


def ddim(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step and, when eta > 0, one draw of noise; first order for eta = 0."""
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        x = partly(clean, x, here, there, noise, tuning)
        yield Step(index, there, x, clean)
