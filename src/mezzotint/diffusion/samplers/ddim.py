"""DDIM (Song et al. 2021, equations 12 and 16): steps down further than asked, and noise back up.

With eta = 0 it draws nothing and is Euler's method; with eta = 1 it is Euler's ancestral method. Divided by
alpha these are one formula; flow samplers that renew noise by a rule of sigma alone are others.
"""

from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.step import Step, toward


def ddim(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, eta: float) -> Iterator[Step]:
    """One call a step and, when eta > 0, one draw of noise; first order for eta = 0."""
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        share = eta**2 * (1 - (there.sigma * here.alpha / (here.sigma * there.alpha)) ** 2)
        kept, renewed = there.sigma * (1 - share).sqrt(), there.sigma * share.sqrt()
        x = toward(clean, x, here, replace(there, sigma=kept))
        if eta > 0:
            x = x + renewed.to(x) * noise(here, there, "step").to(x)
        yield Step(index, there, x, clean)
