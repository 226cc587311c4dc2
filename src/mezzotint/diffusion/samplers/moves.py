"""The moves that samplers are made of: between levels, down and partly back up, and up with fresh noise.

Each takes latents `B C H W` and levels and gives latents. Coefficients are made in float64, so that levels of
`()` and of `(B, 1, 1, 1)` do alike. All keep the marginal alpha * clean + sigma * noise on every path.
"""

from dataclasses import replace

import torch
from torch import Tensor

from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.step import Tuning


def toward(clean: Tensor, x: Tensor, start: Level, end: Level) -> Tensor:
    """Moves x from level `start` to `end`, keeping its noise and what the network takes for the clean latent.

    This is the exact solution of the sampling equation for a `clean` that does not change on the way (DDIM,
    Song et al. 2021). At end.sigma = 0 it is `clean` itself.
    """
    return end.alpha.to(x) * clean + (end.sigma / start.sigma).to(x) * (x - start.alpha.to(x) * clean)


def slope(clean: Tensor, x: Tensor, level: Level) -> Tensor:
    """dx / dsigma at x (see diffusion/path.py)."""
    return (x - clean) / level.sigma.to(x)


def log_snr(level: Level) -> Tensor:
    """log(alpha / sigma) in float64: infinite where one of them is 0."""
    return (level.alpha / level.sigma).log()


PURE = 1000.0
"""The sigma from which a latent is pure noise: models that were not trained up to it end below 200."""


def pure(level: Level) -> bool:
    """Whether x is nothing but noise there: what a slope says of the picture would be lost in its length."""
    return bool((level.sigma > PURE).any())


def at_an_end(here: Level, there: Level) -> bool:
    """Whether log(alpha / sigma) is infinite at either level, so that nothing lies half-way in it."""
    return not bool((log_snr(there) - log_snr(here)).isfinite().all())


def halfway(plan: Plan, here: Level, there: Level) -> Level:
    """The level in the middle of two in log(alpha / sigma), for a second call."""
    ratio = (here.sigma * there.sigma / (here.alpha * there.alpha)).sqrt()
    return plan.at(plan.path.sigma_of(ratio), here.step, 1)


def renewal(here: Level, there: Level, eta: float) -> tuple[Level, Tensor]:
    """What of the noise at `there` is kept, as a level of the same alpha, and the sigma of what is drawn anew.

    Their squares add up to there.sigma^2 (DDIM, equation 16; k-diffusion, `get_ancestral_step`).
    """
    share = eta**2 * (1 - (there.sigma * here.alpha / (here.sigma * there.alpha)) ** 2)
    return replace(there, sigma=there.sigma * (1 - share).sqrt()), there.sigma * share.sqrt()


def faded(here: Level, there: Level, eta: float) -> tuple[Level, Tensor]:
    """As `renewal`, by the stochastic equation: the noise that is kept fades by (sigma / alpha)^eta over the step.

    The two agree for eta of 0 and of 1 (k-diffusion, `sample_dpmpp_2m_sde`).
    """
    if eta == 0:
        return there, torch.zeros_like(there.sigma)
    share = (there.sigma * here.alpha / (here.sigma * there.alpha)) ** eta
    return replace(there, sigma=there.sigma * share), there.sigma * (1 - share**2).sqrt()


def renewed(x: Tensor, sigma: Tensor, here: Level, there: Level, noise: Noise, tuning: Tuning) -> Tensor:
    """x plus fresh noise of size `sigma` for the way from `here` to `there`; x itself when eta is 0."""
    if tuning.eta == 0:
        return x
    return x + (sigma * tuning.s_noise).to(x) * noise(here, there, "step").to(x)


def partly(clean: Tensor, x: Tensor, here: Level, there: Level, noise: Noise, tuning: Tuning) -> Tensor:
    """`toward`, but `eta` of the noise at `there` is drawn anew."""
    kept, sigma = renewal(here, there, tuning.eta)
    return renewed(toward(clean, x, here, kept), sigma, here, there, noise, tuning)


def landing(plan: Plan, here: Level, kept: Level) -> tuple[Level, Tensor]:
    """The level of the path that holds as much noise for its signal as `kept`, and the factor from there to `kept`.

    A way down of several calls ends on the path; the factor then gives it the alpha of `kept`.
    """
    down = plan.at(plan.path.sigma_of(kept.sigma / kept.alpha), here.step, 1)
    return down, kept.alpha / down.alpha


def raised(x: Tensor, start: Level, end: Level, draw: Tensor) -> Tensor:
    """Adds noise to x until it is at the noisier level `end`; `draw` is unit normal. start.alpha must not be 0."""
    shrink = end.alpha / start.alpha
    added = (end.sigma**2 - (shrink * start.sigma) ** 2).clamp(min=0).sqrt()
    return shrink.to(x) * x + added.to(x) * draw.to(x)


def churned(x: Tensor, plan: Plan, here: Level, noise: Noise, tuning: Tuning) -> tuple[Tensor, Level]:
    """x and its level before a step, after the noise of `s_churn` was added (Karras et al. 2022, algorithm 2)."""
    if tuning.s_churn == 0:
        return x, here
    inside = (here.sigma >= tuning.s_tmin) & (here.sigma <= tuning.s_tmax) & (here.alpha > 0)
    more = 1 + min(tuning.s_churn / len(plan), 2**0.5 - 1) * inside.double()
    above = plan.at(plan.path.sigma_of(here.sigma / here.alpha * more), here.step)
    level = Level(
        torch.where(inside, above.t, here.t),
        torch.where(inside, above.alpha, here.alpha),
        torch.where(inside, above.sigma, here.sigma),
        here.step,
    )
    added = raised(x, here, level, tuning.s_noise * noise(here, level, "step"))
    return torch.where(inside.to(x.device), added, x), level
