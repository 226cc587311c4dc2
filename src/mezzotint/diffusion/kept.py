"""Keeps what lies outside a mask: there the answer of every step is the picture that one started from.

Takes a Denoiser, a clean latent and its noise, and how far each place may change; gives a Denoiser. With a hard mask it
is how Stable Diffusion inpaints with models that were not trained for it (Lugmayr et al. 2022, without going back); a
soft one is differential diffusion (Levin and Fried 2023). Does not know networks or guidance.
"""

from collections.abc import Callable

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.path import Level, noised

Change = Callable[[Level], Tensor]
"""`level -> share, broadcast to B C H W`: 1 where the latent may change at this level, 0 where it is kept."""

ROUNDING = 1e-6
"""Far below one of the 255 amounts that a mask can have."""


def hard(mask: Tensor) -> Change:
    """The same `mask` at every level."""
    return lambda level: mask


def soft(amount: Tensor, first: int, count: int) -> Change:
    """What may change by `amount` (0 to 1, broadcast to B C H W) is kept until that share of the `count` steps is left;
    the first of them is the step `first` of the plan."""

    def change(level: Level) -> Tensor:
        left = 1 - (level.step - first) / count
        return (amount >= left - ROUNDING).to(amount)

    return change


def kept(denoise: Denoiser, clean: Tensor, noise: Tensor, change: Change) -> Denoiser:
    """`denoise` on a latent that outside the mask is `clean` with `noise`, B C H W each, and the answer `clean`."""

    def inside(x: Tensor, level: Level) -> Tensor:
        share = change(level).to(x)
        answer = denoise(share * x + (1 - share) * noised(clean, noise, level), level)
        return share * answer + (1 - share) * clean

    return inside
