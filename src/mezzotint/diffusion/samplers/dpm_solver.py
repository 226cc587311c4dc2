"""The single steps of DPM-Solver (Lu et al. 2022, algorithms 1 and 2): corrections by calls between two levels.

Takes the noise that answers imply, at the start and between; gives what to add to the first-order step. Shares r1
and r2 of the step are in log(alpha / sigma). Knows no plan.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mezzotint.diffusion.path import Level
from mezzotint.diffusion.samplers.moves import log_snr, toward


def noise_of(clean: Tensor, x: Tensor, level: Level) -> Tensor:
    """The noise in x if `clean` is right."""
    return (x - level.alpha.to(x) * clean) / level.sigma.to(x)


def second(x: Tensor, start: Level, end: Level, answers: Sequence[tuple[Tensor, Tensor, Level]]) -> Tensor:
    """x at `end` by the first and the second of `answers` (clean, x, level), in the midpoint form."""
    length = log_snr(end) - log_snr(start)
    r1 = (log_snr(answers[1][2]) - log_snr(start)) / length
    factor = end.sigma * torch.expm1(length) / (2 * r1)
    rise = noise_of(*answers[1]) - noise_of(*answers[0])
    return toward(answers[0][0], x, start, end) - factor.to(x) * rise


def third(x: Tensor, start: Level, end: Level, answers: Sequence[tuple[Tensor, Tensor, Level]]) -> Tensor:
    """x at `end` by the first and the last of `answers`: two give the inner stage, three the whole step."""
    length = log_snr(end) - log_snr(start)
    share = (log_snr(answers[-1][2]) - log_snr(start)) / length
    factor = end.sigma * (torch.expm1(length) / length - 1) / share
    rise = noise_of(*answers[-1]) - noise_of(*answers[0])
    return toward(answers[0][0], x, start, end) - factor.to(x) * rise
