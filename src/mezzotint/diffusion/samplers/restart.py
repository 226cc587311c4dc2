"""Restart (Xu et al. 2023): Heun's method that goes back up with fresh noise and down the same levels again.

The stretch reaches from the first level of at most `restart_from` times as much noise as signal down to the first of
at most `restart_to`, or to the last above sigma = 0. A plan that is cut off before it gets there is walked without it.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.heun import heun
from mezzotint.diffusion.samplers.moves import raised
from mezzotint.diffusion.samplers.step import Step, Tuning


def restart(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """Two calls a step; the step that ends the stretch holds its repetitions too. All images share the plan."""
    low, high = (_first(plan, ratio) for ratio in (tuning.restart_to, tuning.restart_from))
    low -= low > 0 and bool((plan.levels[low].sigma == 0).any())
    for index, step in enumerate(heun(denoise, x, plan.cut(0, low), noise, Tuning()), 1):
        last = step
        if index == low and high < low < len(plan):
            for _ in range(tuning.restarts):
                draw = tuning.s_noise * noise(plan.levels[low], plan.levels[high], "step")
                up = raised(last.x, plan.levels[low], plan.levels[high], draw)
                *_, last = heun(denoise, up, plan.cut(high, low), noise, Tuning())
        x = last.x
        yield Step(index, last.level, x, last.clean)
    for step in heun(denoise, x, plan.cut(low, len(plan)), noise, Tuning()):
        yield Step(low + step.index, step.level, step.x, step.clean)


def _first(plan: Plan, ratio: float) -> int:
    """The place of the first level with at most `ratio` times as much noise as signal."""
    return next((i for i, a in enumerate(plan.levels) if bool((a.sigma <= ratio * a.alpha).all())), len(plan))
