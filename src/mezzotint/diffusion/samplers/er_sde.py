"""ER-SDE-Solver-3 (Cui et al. 2023): the extended reverse-time equation with the paper's fifth noise scale.

The scale is r (exp(r^0.3) + 10) at the ratio r of noise to signal; the answers' first two derivatives count.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.adams import quadrature
from mezzotint.diffusion.samplers.moves import renewed, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def er_sde(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call and one draw of noise a step; `tuning.order` of 1 to 3, lower in the first steps."""
    past: deque[tuple[Tensor, Tensor]] = deque(maxlen=2)
    rises: deque[Tensor] = deque(maxlen=1)
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        start, end = _ratio(here), _ratio(there)
        share = _scale(end) / _scale(start)
        kept = replace(there, sigma=there.sigma * share)
        moved = toward(clean, x, here, kept)
        if past and tuning.order > 1 and bool((there.sigma > 0).all()):
            rise = (clean - past[0][0]) / (start - past[0][1]).to(x)
            first, second = _integrals(start, end)
            moved = moved + (there.alpha * (end - start + first)).to(x) * rise
            if len(past) == 2 and tuning.order > 2:
                bent = 2 * (rise - rises[0]) / (start - past[1][1]).to(x)
                moved = moved + (there.alpha * ((end - start) ** 2 / 2 + second)).to(x) * bent
            rises.append(rise)
        x = renewed(moved, there.sigma * (1 - share**2).sqrt(), here, there, noise, tuning)
        past.appendleft((clean, start))
        yield Step(index, there, x, clean)


def _ratio(level: Level) -> Tensor:
    """Noise per signal, at most that of the least signal that is told apart from none."""
    return (level.sigma / level.alpha).clamp(max=2.0**24)


def _scale(ratio: Tensor) -> Tensor:
    """The noise scale per ratio."""
    return (ratio**0.3).exp() + 10


def _integrals(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """scale(end) times the integrals from `end` to `start` of 1 / scale and (r - start) / scale, in log r."""
    points, gauss = quadrature(end.log(), start.log())
    thinned = gauss / _scale(points.exp())
    whole = end * _scale(end)
    return whole * thinned.sum(0), whole * (thinned * (points.exp() - start)).sum(0)
