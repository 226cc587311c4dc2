"""Where randomness comes from: for every image its own, from the image's own seed.

Gives float32 latents `B C H W`, equal on every machine because they are drawn on the CPU. An image gets the
same numbers whatever its batch, its place in it and its neighbours are. Does not know samplers, nor how other
programs draw (`diffusion.noises`).
"""

import hashlib
from collections.abc import Callable, Sequence
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


Stream = Callable[[tuple[int, ...]], Tensor]
"""`(shape) -> unit normal numbers` in float32; each call gives the next ones."""

Draw = Callable[[], Tensor]
"""The next unit normal noise `C H W` of one image, float32."""

Origin = Callable[[], tuple[Tensor, Draw]]
"""Where one image's noise comes from: each call gives the noise to start from, `C H W`, and that of the steps."""


class ImageNoise:
    """The noise of a batch: one origin per image."""

    def __init__(self, origins: Sequence[Origin]) -> None:
        self._origins = tuple(origins)
        self._begin()

    def initial(self) -> Tensor:
        """The noise `B C H W` to start from; every image starts again, so each call gives the same."""
        self._begin()
        return torch.stack(self._first)

    def __call__(self, a: Level, b: Level, purpose: str) -> Tensor:
        """The next noise `B C H W` for a step."""
        return torch.stack([draw() for draw in self._draws])

    def _begin(self) -> None:
        begun = [origin() for origin in self._origins]
        self._first = [first for first, _ in begun]
        self._draws = [draw for _, draw in begun]


class SeededNoise(ImageNoise):
    """One torch CPU generator per image; the stream goes on from the initial noise to the noise of each step.

    This is what A1111 with `RNG: CPU` and diffusers with a list of CPU generators draw.
    """

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int]) -> None:
        """Takes one seed (0 .. 2^64 - 1) per image and the shape `(C, H, W)` of one latent."""
        super().__init__([_seeded(seed, shape) for seed in seeds])


def _seeded(seed: int, shape: tuple[int, int, int]) -> Origin:
    def origin() -> tuple[Tensor, Draw]:
        stream = torch_stream(seed)
        return stream(shape), lambda: stream(shape)

    return origin


def torch_stream(seed: int) -> Stream:
    """The numbers of torch's CPU generator. Lower precisions are for whoever casts: older torch draws others there."""
    generator = Generator().manual_seed(seed)
    return lambda shape: torch.randn(shape, generator=generator)


def seed_for(seed: int, purpose: str) -> int:
    """The seed, below 2^64, of a stream that is told from those of other purposes and seeds."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big")
