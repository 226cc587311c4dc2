"""The levels that a sampler walks through.

Takes a path and where its levels lie, gives N + 1 levels in float64, made once, the last of them clean. Does not
know samplers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from mezzotint.diffusion.path import Level, Path
from mezzotint.diffusion.spacings import SPACINGS


@dataclass(frozen=True, eq=False)
class Plan:
    """N + 1 falling levels on a path; step number i (from 1) goes from level i - 1 to level i.

    A whole plan ends at sigma = 0, as `set_alpha_to_one=True` in diffusers; the published DDIM and PNDM
    settings of Stable Diffusion stop at sigma(t = 0) = 0.029 instead and leave that noise in the latent.
    """

    path: Path
    levels: tuple[Level, ...]

    def __len__(self) -> int:
        """N, the number of steps."""
        return len(self.levels) - 1

    def steps(self) -> Iterator[tuple[int, Level, Level]]:
        """The step's number, from 1, with the levels it starts from and arrives at."""
        for index, (here, there) in enumerate(pairwise(self.levels), 1):
            yield index, here, there

    def at(self, sigma: Tensor, step: int = 0, call: int = 0) -> Level:
        """A level between those of the plan, for samplers that call the network there."""
        return self.path.level(sigma, step, call)

    def cut(self, start: int, end: int) -> "Plan":
        """The part of steps start + 1 .. end; its levels keep their `step`. ValueError beyond 0 .. N."""
        if not 0 <= start <= end <= len(self):
            raise ValueError(f"a plan of {len(self)} steps has no part {start}..{end}")
        return Plan(self.path, self.levels[start : end + 1])


def make_plan(path: Path, spacing: str, steps: int, rho: float | None = None) -> Plan:
    """A plan of `steps` steps; KeyError for a spacing not in SPACINGS, ValueError unless 1 <= steps <= T.

    `rho` None is the spacing's own, where it has one.
    """
    if not 1 <= steps <= path.times:
        raise ValueError(f"steps must lie in 1..{path.times}, not {steps}")
    entry = SPACINGS[spacing]
    return plan_of(path, entry.place(path, steps, entry.rho if rho is None else rho))


def plan_of(path: Path, sigmas: Tensor) -> Plan:
    """The plan through `sigmas`, which fall and are above 0, and then to 0."""
    ends = torch.cat([sigmas.double(), torch.zeros(1, dtype=torch.float64)])
    return Plan(path, tuple(path.level(sigma, step) for step, sigma in enumerate(ends.unbind())))
