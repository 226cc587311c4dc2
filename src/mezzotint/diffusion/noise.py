"""Where randomness comes from: one stream of normal numbers per image, from the image's own seed.

Gives float32 latents `B C H W`, equal on every machine because they are drawn on the CPU. An image gets the
same numbers whatever its batch, its place in it and its neighbours are. Does not know samplers.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Generator, Tensor

from mezzotint.diffusion.path import Level


class Noise(Protocol):
    """A source of unit normal noise, float32."""

    def __call__(self, a: Level, b: Level, purpose: str) -> Tensor:
        """Noise `B C H W` for the way from level `a` to level `b`.

        `purpose` names the use (a sampler says "step"), for sources that keep one stream for each use.
        """
        ...


class SeededNoise:
    """One torch CPU generator per image; the stream goes on from the initial noise to the noise of each step.

    This is what A1111 with `RNG: CPU` and diffusers with a list of CPU generators draw.
    """

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int]) -> None:
        """Takes one seed (0 .. 2^64 - 1) per image and the shape `(C, H, W)` of one latent."""
        self._seeds = tuple(seeds)
        self._shape = shape
        self._generators = tuple(Generator().manual_seed(seed) for seed in self._seeds)

    def initial(self) -> Tensor:
        """The noise `B C H W` to start from; every stream starts again, so each call gives the same."""
        for generator, seed in zip(self._generators, self._seeds, strict=True):
            generator.manual_seed(seed)
        return self._draw()

    def __call__(self, a: Level, b: Level, purpose: str) -> Tensor:
        """The next draw `B C H W` of every stream."""
        return self._draw()

    def _draw(self) -> Tensor:
        return torch.stack([torch.randn(self._shape, generator=g) for g in self._generators])
