"""Trajectory consistency sampling (Zheng et al. 2024, algorithm 4): down too far in time, and noise back up.

Its gamma is `eta`: a step to time t goes down to (1 - eta) t, and up from there. With 0 it is Euler's method, with
1 that of latent consistency models.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import raised, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def tcd(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step and, when eta > 0, one draw of noise; whole times, as the reference has them."""
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        down = plan.at(plan.path.sigma_told(((1 - tuning.eta) * there.t).floor()), here.step)
        if tuning.eta == 0 or not bool((there.sigma > 0).all()):
            x = toward(clean, x, here, there)
        else:
            draw = tuning.s_noise * noise(here, there, "step")
            x = raised(toward(clean, x, here, down), down, there, draw)
        yield Step(index, there, x, clean)
