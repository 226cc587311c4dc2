"""What a sampler is: its type, how it can be tuned, and the step that it gives.

A sampler takes a Denoiser, a latent, a plan, a source of noise and its tuning, and gives one Step for every step of
the plan. The caller owns the loop: it may look at each step or stop at any. Coefficients are made in float64 and
then cast to the dtype of x.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan


@dataclass(frozen=True, eq=False)
class Step:
    """A step taken: its number from 1, the level arrived at, x there, and the clean latent of the call.

    `x` and `clean` are `B C H W`. After the last step of a whole plan x is the clean latent.
    """

    index: int
    level: Level
    x: Tensor
    clean: Tensor


@dataclass(frozen=True)
class Tuning:
    """What can be set on samplers; each reads what its registry entry names and ignores the rest.

    `eta`, 0 .. 1, is how much of the noise is drawn anew in each step, and `s_noise` a factor on what is drawn.
    `s_churn` is how much noise is added before the steps from sigmas within `s_tmin` .. `s_tmax` (Karras et al. 2022,
    algorithm 2). `order` is the most history or stages that a step uses. `tolerance` is the relative error of a
    step of adaptive length. `restarts` repeats the stretch between two ratios of noise to signal, `restart_from`
    down to `restart_to` (Xu et al. 2023).
    """

    eta: float = 0.0
    s_noise: float = 1.0
    s_churn: float = 0.0
    s_tmin: float = 0.0
    s_tmax: float = math.inf
    order: int = 1
    tolerance: float = 0.05
    restarts: int = 0
    restart_from: float = 2.0
    restart_to: float = 0.1


Sampler = Callable[[Denoiser, Tensor, Plan, Noise, Tuning], Iterator[Step]]
"""`(denoise, x B C H W, plan, noise, tuning) -> steps`."""
