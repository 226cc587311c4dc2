"""DPM-Solver with steps of adaptive length (Lu et al. 2022, appendix; k-diffusion, `sample_dpm_adaptive`).

The plan gives the first and the last level; between, each image goes as far as the difference of a second-order and a
third-order step lets it. A step of the plan is reported once all images are past it. Draws no noise.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.dpm_solver import second, third
from mezzotint.diffusion.samplers.moves import log_snr, toward
from mezzotint.diffusion.samplers.step import Step, Tuning

_NO_SIGNAL = 1e-9
_FIRST = 0.05
_ABSOLUTE = 0.0078
_ACCEPTED = 0.81
_SHORTEST = 1 / 1000
"""The alpha that counts as none, the first length in log(alpha / sigma), the error that is always allowed, the growth
below which a step is taken again (k-diffusion's), and the shortest step as a share of the way, taken whatever its
error is."""


def dpm_adaptive(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """Three calls for each step tried, one to sigma = 0 or from alpha = 0; the plan's length counts for nothing."""
    levels, index = plan.levels, 0
    if bool((levels[0].alpha < _NO_SIGNAL).any()):
        clean, index = denoise(x, levels[0]), 1
        x = toward(clean, x, levels[0], levels[1])
        yield Step(index, levels[1], x, clean)
    last = len(plan) - int(bool((levels[-1].sigma == 0).any()))
    if index < last:
        for place, now, clean in _adapted(denoise, x, plan, (levels[index], levels[last]), tuning):
            x = now
            while index < last and bool((place >= log_snr(levels[index + 1]) - 1e-9).all()):
                index += 1
                yield Step(index, levels[index], x, clean)
    if index < len(plan):
        clean = denoise(x, levels[index])
        yield Step(len(plan), levels[-1], toward(clean, x, levels[index], levels[-1]), clean)


def _adapted(
    denoise: Denoiser, x: Tensor, plan: Plan, ends: tuple[Level, Level], tuning: Tuning
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """After each step tried: where every image is in log(alpha / sigma), x and the clean latent of its first call."""
    goal = log_snr(ends[1])
    goal = goal.expand(x.shape[0], 1, 1, 1)
    place = log_snr(ends[0]).expand_as(goal)
    shortest = (goal - place) * _SHORTEST
    length, before = torch.full_like(place, _FIRST), x
    while bool((place < goal).any()):
        stop = torch.minimum(place + torch.maximum(length, shortest), goal)
        stages = [
            plan.at(plan.path.sigma_of((-torch.lerp(place, stop, part)).exp()), ends[0].step, k)
            for k, part in enumerate((0, 1 / 3, 2 / 3, 1))
        ]
        low, high, clean = _tried(denoise, x, stages)
        allowed = (tuning.tolerance * torch.maximum(low.abs(), before.abs())).clamp(min=_ABSOLUTE)
        error = ((low - high) / allowed).double().square().mean((1, 2, 3), keepdim=True).sqrt().cpu()
        growth = 1 + ((error + 1e-8) ** (-1 / 3) - 1).arctan()
        moving = place < goal
        taken = moving & ((growth >= _ACCEPTED) | ~error.isfinite() | (length <= shortest))
        x, before = (torch.where(taken.to(x.device), new, old) for new, old in ((high, x), (low, before)))
        place = torch.where(taken, stop, place)
        length = torch.where(moving & growth.isfinite(), length * growth, length)
        yield place, x, clean


def _tried(denoise: Denoiser, x: Tensor, stages: list[Level]) -> tuple[Tensor, Tensor, Tensor]:
    """x at the last stage by the second and by the third order, and the clean latent at the first."""
    start, one, two, end = stages
    clean = denoise(x, start)
    answers = [(clean, x, start)]
    u = toward(clean, x, start, one)
    answers.append((denoise(u, one), u, one))
    low = second(x, start, end, answers)
    u = third(x, start, two, answers)
    answers.append((denoise(u, two), u, two))
    return low, third(x, start, end, answers), clean
