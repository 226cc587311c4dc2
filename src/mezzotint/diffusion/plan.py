"""The levels that a sampler walks through, and the published ways to space them.

Takes a path and a step count, gives N + 1 levels in float64, made once, the last of them clean. A spacing is
a function `(path, steps) -> sigmas`, N of them, falling. Does not know samplers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.diffusion.path import Level, Path


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


Spacing = Callable[[Path, int], Tensor]
"""`(path, steps N) -> N falling sigmas` in float64; the final 0 is the plan's."""


def leading(path: Path, steps: int) -> Tensor:
    """Every (T // N)-th time from 1 up: DDIM (Song et al. 2021) with Stable Diffusion's `steps_offset` of 1.

    The offset gives way when all T times are used.
    """
    times = torch.arange(steps).flip(0) * (path.times // steps)
    return path.sigma_at(times + (1 if steps < path.times else 0))


def trailing(path: Path, steps: int) -> Tensor:
    """Every (T / N)-th time from the last down, rounded (Lin et al. 2023, table 2)."""
    return path.sigma_at((path.times - torch.arange(steps) * (path.times / steps)).round() - 1)


def linspace(path: Path, steps: int) -> Tensor:
    """N even times from the last to the first, as the reference of the path has them (`Path.even`)."""
    return path.even(steps)


def karras(path: Path, steps: int) -> Tensor:
    """From the largest trained sigma to the smallest, even in sigma^(1/7) (Karras et al. 2022, eq. 5)."""
    ends = path.sigmas ** (1 / 7)
    return torch.lerp(ends[-1], ends[0], torch.linspace(0, 1, steps, dtype=torch.float64)) ** 7


SPACINGS: Mapping[str, Spacing] = MappingProxyType(
    {s.__name__: s for s in (leading, trailing, linspace, karras)}
)


def make_plan(path: Path, spacing: str, steps: int) -> Plan:
    """A plan of `steps` steps; KeyError for a spacing not in SPACINGS, ValueError unless 1 <= steps <= T."""
    if not 1 <= steps <= path.times:
        raise ValueError(f"steps must lie in 1..{path.times}, not {steps}")
    sigmas = torch.cat([SPACINGS[spacing](path, steps), torch.zeros(1, dtype=torch.float64)])
    return Plan(path, tuple(path.level(sigma, step) for step, sigma in enumerate(sigmas.unbind())))
