"""DPM-Solver++(3M) for the stochastic equation (k-diffusion, `sample_dpmpp_3m_sde`).

With eta = 0 it is the deterministic third-order method. The last three answers bend the aim.
"""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import faded, log_snr, renewed, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpmpp_3m_sde(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call and one draw of noise a step; lower order in the first two steps, first in a step to sigma = 0."""
    past: deque[tuple[Tensor, Tensor]] = deque(maxlen=2)
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        length = log_snr(there) - log_snr(here)
        kept, fresh = faded(here, there, tuning.eta)
        moved = toward(clean, x, here, kept)
        if past and bool((there.sigma > 0).all()):
            moved = moved + there.alpha.to(x) * _bend(clean, past, length, (1 + tuning.eta) * length)
        x = renewed(moved, fresh, here, there, noise, tuning)
        past.appendleft((clean, length))
        yield Step(index, there, x, clean)


def _bend(clean: Tensor, past: deque[tuple[Tensor, Tensor]], length: Tensor, full: Tensor) -> Tensor:
    """What the first and, after two steps, second derivative of the clean latent add over the step."""
    second = torch.expm1(-full) / full + 1
    before, last = past[0]
    r0 = last / length
    rise = (clean - before) / r0.to(clean)
    if len(past) == 1:
        return second.to(clean) * rise
    r1 = past[1][1] / length
    bent = rise - (before - past[1][0]) / r1.to(clean)
    rise = rise + (r0 / (r0 + r1)).to(clean) * bent
    third = (second / full - 0.5) / (r0 + r1)
    return second.to(clean) * rise - third.to(clean) * bent
