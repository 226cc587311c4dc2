"""DPM-Solver++(2M) for the stochastic equation (Lu et al. 2022, appendix; k-diffusion, `sample_dpmpp_2m_sde`).

With eta = 0 it is DPM-Solver++(2M). What remembers is the aim; what is renewed is the noise.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.dpmpp_2m import ahead
from mezzotint.diffusion.samplers.moves import faded, log_snr, renewed, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpmpp_2m_sde(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call and one draw of noise a step; first order in the first step and in a step to sigma = 0."""
    last: tuple[Tensor, Tensor] | None = None
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        length = log_snr(there) - log_snr(here)
        aim = clean
        if last is not None:
            before, length_before = last
            aim = clean + ahead(there, length, length_before).to(x) * (clean - before)
        kept, fresh = faded(here, there, tuning.eta)
        x = renewed(toward(aim, x, here, kept), fresh, here, there, noise, tuning)
        last = clean, length
        yield Step(index, there, x, clean)
