"""DPM-Solver++(2M) with CFG++ (Chung et al. 2024): its step is taken for the unguided clean latent.

What guidance adds to the clean latent is then added as it is. The difference that bends the step is that of the
guided answer from the unguided one before, as in the authors' code and in ComfyUI. The denoiser answers with both,
`2 B C H W`: the guided clean latent and the one of the negative prompt. Draws no noise.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.dpmpp_2m import ahead
from mezzotint.diffusion.samplers.moves import log_snr, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpmpp_2m_cfg_pp(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; first order in the first step and in a step to sigma = 0."""
    last: tuple[Tensor, Tensor] | None = None
    for index, here, there in plan.steps():
        guided, free = denoise(x, here)
        length = log_snr(there) - log_snr(here)
        aim = free if last is None else free + ahead(there, length, last[1]).to(x) * (guided - last[0])
        x = toward(aim, x, here, there) + there.alpha.to(x) * (guided - free)
        last = free, length
        yield Step(index, there, x, guided)
