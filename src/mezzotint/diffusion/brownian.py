"""One Brownian path for each image: noise for stretches of the way that agree with each other.

Gives unit normal latents `B C H W` in float32, drawn on the CPU. The noise of a stretch is the weighted sum of those
of its parts, and depends on the image's seed and the two levels alone: not on which other stretches were asked for,
so more steps refine the same path. Does not know samplers.
"""

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from mezzotint.diffusion.path import Level

_LEAST, _MOST = -60, 60
"""The octaves of the clock: signal to noise, the square of alpha / sigma, from 2^-60 to 2^60."""
_DEPTH = 18
"""How often an octave is halved; between neighbours the path is straight."""


class BrownianNoise:
    """A Brownian path per image. Its clock is (alpha / sigma)^2, in which the noise of the reverse equation runs."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int]) -> None:
        """Takes one seed (0 .. 2^64 - 1) per image and the shape `(C, H, W)` of one latent."""
        self._seeds = tuple(seeds)
        self._shape = shape

    def __call__(self, a: Level, b: Level, purpose: str) -> Tensor:
        """The path's way from level `a` to the less noisy level `b`, divided by its standard deviation."""
        clocks = [_clocks(level, len(self._seeds)) for level in (a, b)]
        return torch.stack([self._way(i, *ends) for i, ends in enumerate(zip(*clocks, strict=True))])

    def _way(self, image: int, start: float, end: float) -> Tensor:
        """The way of one image: up to the octave's end, over whole octaves, and into the last."""
        low, high = math.frexp(start)[1] - 1, math.frexp(end)[1] - 1
        way = self._into(image, high, end) - self._into(image, low, start)
        for octave in range(low, high):
            way = way + self._octave(image, octave)
        return (way / math.sqrt(max(end - start, 2.0**_LEAST))).float()

    def _octave(self, image: int, octave: int) -> Tensor:
        return self._normal(image, octave, 0, 0) * math.sqrt(2.0**octave)

    def _into(self, image: int, octave: int, clock: float) -> Tensor:
        """The path at `clock` less that at the octave's beginning, by halving (Brownian bridge)."""
        left, right = 2.0**octave, 2.0 ** (octave + 1)
        at_left, at_right, place = (
            torch.zeros(self._shape, dtype=torch.float64),
            self._octave(image, octave),
            0,
        )
        for depth in range(1, _DEPTH + 1):
            if clock == left:
                return at_left
            middle = (left + right) / 2
            spread = math.sqrt((right - left) / 4)
            at_middle = (at_left + at_right) / 2 + spread * self._normal(image, octave, depth, place)
            if clock < middle:
                right, at_right, place = middle, at_middle, 2 * place
            else:
                left, at_left, place = middle, at_middle, 2 * place + 1
        return at_left + (at_right - at_left) * ((clock - left) / (right - left))

    def _normal(self, image: int, octave: int, depth: int, place: int) -> Tensor:
        name = f"{self._seeds[image]}/{octave}/{depth}/{place}".encode()
        seed = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")
        return torch.randn(self._shape, generator=Generator().manual_seed(seed)).double()


def _clocks(level: Level, count: int) -> list[float]:
    clock = (level.alpha / level.sigma) ** 2
    held = clock.clamp(2.0**_LEAST, 2.0**_MOST).reshape(-1).expand(count)
    return [float(c) for c in held]
