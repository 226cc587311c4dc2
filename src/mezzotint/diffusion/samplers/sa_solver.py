"""SA-Solver (Xue et al. 2023): stochastic Adams, a predictor and a corrector on the same noise.

tau is `eta` between the times 200 and 800 of 1000 and 0 outside, as in the reference. The second order has the
reference's extra term, which is of third order in the length of the step.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.adams import weights
from mezzotint.diffusion.samplers.moves import at_an_end, log_snr, toward
from mezzotint.diffusion.samplers.step import Step, Tuning

_BELOW, _ABOVE = torch.tensor(200.0), torch.tensor(800.0)
"""Between these times the published tau is 1."""
_FAR = 40.0
"""Stands for an infinite log(alpha / sigma), so that 0 times it is 0."""


def sa_solver(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call and one draw of noise a step; `tuning.order` answers, fewer at both ends of the plan."""
    past: deque[tuple[Tensor, Level]] = deque(maxlen=tuning.order)
    last: tuple[Tensor, Level, Tensor, Tensor] | None = None
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        if last is not None and not at_an_end(last[1], here):
            before, start, fresh, tau = last
            answers = [(clean, here), *past][: tuning.order]
            x = _moved(before, start, here, answers, tau) + fresh
        past.appendleft((clean, here))
        below, above = (plan.path.sigma_told(t) for t in (_BELOW, _ABOVE))
        tau = tuning.eta * ((here.sigma >= below) & (here.sigma <= above)).double()
        count = 1 if at_an_end(here, there) else min(len(past), len(plan) - index + 1)
        fresh = torch.zeros_like(x)
        if tuning.eta > 0 and bool((there.sigma > 0).all()):
            length = (log_snr(there) - log_snr(here)).clamp(max=_FAR)
            size = there.sigma * (-torch.expm1(-2 * tau**2 * length)).sqrt()
            fresh = (tuning.s_noise * size).to(x) * noise(here, there, "step").to(x)
        last = x, here, fresh, tau
        x = _moved(x, here, there, list(past)[:count], tau) + fresh
        yield Step(index, there, x, clean)


def _moved(x: Tensor, start: Level, end: Level, answers: list[tuple[Tensor, Level]], tau: Tensor) -> Tensor:
    """x from `start` to `end` by the polynomial through the `answers`, newest first, without fresh noise."""
    rate = 1 + tau**2
    begin, stop = log_snr(start), log_snr(end)
    length = stop - begin
    kept = replace(end, sigma=end.sigma * (-(tau**2) * length.clamp(max=_FAR)).exp())
    if len(answers) == 1:
        return toward(answers[0][0], x, start, kept)
    places = [log_snr(level).clamp(min=-_FAR) for _, level in answers]
    shares = weights(places, begin, stop, lambda place: rate * (rate * (place - stop)).exp())
    if len(answers) == 2:
        extra = rate * (length**2 / 2 - (rate * length + torch.expm1(-rate * length)) / rate**2)
        extra = extra / (places[0] - places[1])
        shares = [shares[0] + extra, shares[1] - extra]
    moved = (kept.sigma / start.sigma).to(x) * x
    for share, (clean, _) in zip(shares, answers, strict=True):
        moved = moved + (end.alpha * share).to(x) * clean
    return moved
