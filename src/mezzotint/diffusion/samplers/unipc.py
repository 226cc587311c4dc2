"""UniPC (Zhao et al. 2023, B2): a multistep predictor, corrected by the answer where it arrives.

Divided by alpha one formula serves all paths. Draws no noise.
"""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.moves import at_an_end, log_snr, toward
from mezzotint.diffusion.samplers.step import Step, Tuning

_FAR = 40.0
"""Stands for an infinite log(alpha / sigma): the answer there then hardly counts."""


def unipc(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; of order `tuning.order` + 1 through the corrector, lower at both ends of the plan."""
    past: deque[tuple[Tensor, Level]] = deque(maxlen=tuning.order)
    last: tuple[Tensor, Level, int] | None = None
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        if last is not None:
            before, start, count = last
            x = _moved(before, start, here, list(past)[:count], clean)
        past.appendleft((clean, here))
        count = min(len(past), len(plan) - index + 1)
        if at_an_end(here, there):
            count = 1
        last = x, here, count
        x = _moved(x, here, there, list(past)[:count], None)
        yield Step(index, there, x, clean)


def _moved(
    x: Tensor, start: Level, end: Level, answers: list[tuple[Tensor, Level]], arrived: Tensor | None
) -> Tensor:
    """x from `start` to `end` by the `answers`, newest first, and by the one on arrival where it is known."""
    clean = answers[0][0]
    moved = toward(clean, x, start, end)
    length = (log_snr(end) - log_snr(start)).clamp(max=_FAR)
    rises, places = list[Tensor](), list[Tensor]()
    for other, level in answers[1:]:
        place = (log_snr(level).clamp(min=-_FAR) - log_snr(start).clamp(min=-_FAR)) / length
        rises.append((other - clean) / place.to(x))
        places.append(place)
    if arrived is not None:
        rises.append(arrived - clean)
        places.append(torch.ones_like(length))
    for share, rise in zip(_shares(places, length), rises, strict=True):
        moved = moved - (end.alpha * torch.expm1(-length) * share).to(x) * rise
    return moved


def _shares(places: list[Tensor], length: Tensor) -> list[Tensor]:
    """The weights of the rises (equation 9 of the paper); of a single one they are 1/2, as published."""
    if len(places) < 2:
        return [torch.full_like(length, 0.5) for _ in places]
    whole, wanted, factorial = torch.expm1(-length), list[Tensor](), 1
    part = whole / -length - 1
    for i in range(1, len(places) + 1):
        wanted.append(part * factorial / whole)
        factorial *= i + 1
        part = part / -length - 1 / factorial
    rows = torch.stack([torch.stack([place**i for place in places], -1) for i in range(len(places))], -2)
    return list((rows.inverse() @ torch.stack(wanted, -1)[..., None])[..., 0].unbind(-1))
