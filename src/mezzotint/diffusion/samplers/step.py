"""What a sampler is, and the one move that all of them make.

A sampler takes a Denoiser, a latent, a plan, a source of noise and eta, and gives one Step for every step of
the plan. The caller owns the loop: it may look at each step or stop at any. Coefficients are made in float64
and then cast to the dtype of x.
"""

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


Sampler = Callable[[Denoiser, Tensor, Plan, Noise, float], Iterator[Step]]
"""`(denoise, x B C H W, plan, noise, eta) -> steps`; eta, 0 .. 1, is how much of the noise is drawn anew."""


def toward(clean: Tensor, x: Tensor, start: Level, end: Level) -> Tensor:
    """Moves x from level `start` to `end`, keeping its noise and what the network takes for the clean latent.

    This is the exact solution of the sampling equation for a `clean` that does not change on the way (DDIM,
    Song et al. 2021). At end.sigma = 0 it is `clean` itself.
    """
    return end.alpha.to(x) * clean + (end.sigma / start.sigma).to(x) * (x - start.alpha.to(x) * clean)
