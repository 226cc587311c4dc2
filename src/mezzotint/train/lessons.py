"""What all trainers beside a frozen model do: batches of latents in order, and what is learned from one.

Takes a base, latents with something kept beside them, and a seed; gives batches as a function of the seed and the step
alone. Knows no network that learns.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mezzotint.train.bases import Base
from mezzotint.train.latents import Latents
from mezzotint.train.loop import step_seed

Batch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Posterior mean and deviation `B C h w`, token ids `B T`, and what is kept beside them `B ...`."""


@dataclass(frozen=True)
class Lesson:
    """Clean latents `B C h w` as the denoiser knows them, text states `B T D`, and what was kept `beside`; all on the
    base's device."""

    clean: Tensor
    states: Tensor
    beside: Tensor


@dataclass(frozen=True)
class Lessons:
    """Batches of `size` with what is kept under `name`; `dropped` is the part of captions that is replaced by the empty
    one."""

    base: Base
    latents: Latents
    name: str
    seed: int
    size: int
    dropped: float

    def batches(self, start: int) -> Iterator[Batch]:
        """Those of steps `start`, `start` + 1, ..."""
        step = start
        while True:
            drawn = self.latents.rows(step, step_seed(self.seed, step), self.size)
            yield drawn.mean, drawn.std, drawn.ids, drawn.more[self.name]
            step += 1

    def lesson(self, batch: tuple[Tensor, ...], generator: Generator) -> Lesson:
        """What is learned from a batch: latents drawn from their posteriors, captions encoded or dropped."""
        mean, std, ids, beside = (part.to(self.base.device) for part in batch)
        noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)
        captions = self.base.captions
        states = captions.states(captions.dropped(ids, self.dropped, generator))
        return Lesson(self.base.scaled(mean + std * noise), states, beside)
