"""The normal numbers that torch draws on an Nvidia GPU, made on the CPU.

Takes a seed and the size of the GPU; gives the numbers of one call after the other. The generator is Philox4x32-10
(Salmon et al. 2011), its use that of cuRAND and of torch's `DistributionTemplates.h`: each thread of a grid of blocks
of 256 owns one sequence, and a call that has more numbers than the grid has threads takes up to four from each before
it goes on. So the noise of a large picture depends on the GPU. Does not know latents.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mezzotint.diffusion.noise import Stream

BLOCK = 256
"""Threads of a block."""
_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_WORD = 0xFFFFFFFF
_UNIT = 2.0**-32
_TURN = float(np.float32(2 * np.pi * _UNIT))
"""cuRAND's constant for angles is a float32; the rest is computed in float64 and rounded once."""

Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Grid:
    """The size of a GPU: its multiprocessors and the most threads that one of them holds."""

    processors: int
    threads: int

    @property
    def most(self) -> int:
        """The most threads of one call; so many numbers are equal on this GPU and on every larger one."""
        return BLOCK * self.processors * (self.threads // BLOCK)


def philox_stream(seed: int, grid: Grid | None) -> Stream:
    """The numbers that torch draws on a GPU of size `grid` with a fresh generator of this seed (0 .. 2^64 - 1).

    None is a GPU without an end: the `RNG: NV` of A1111 and the default of sd.cpp.
    """
    offset = 0

    def draw(shape: tuple[int, ...]) -> Tensor:
        nonlocal offset
        count = int(np.prod(shape))
        threads = count if grid is None else min(-(-count // BLOCK) * BLOCK, grid.most)
        numbers = _normals(seed, offset, count, threads)
        offset += -(-count // (4 * threads))
        return torch.as_tensor(numbers).reshape(shape)

    return draw


def _normals(seed: int, offset: int, count: int, threads: int) -> NDArray[np.float32]:
    """`count` numbers of one call of `threads` threads whose sequences stand at `offset`.

    The calls of a thread, its four numbers and the threads follow each other in this order, the last fastest.
    """
    calls, rows = -(-count // (4 * threads)), min(4, -(-count // threads))
    turns = np.arange(offset, offset + calls, dtype=np.uint64)[:, None]
    numbers = np.broadcast_to(np.arange(threads, dtype=np.uint64), (calls, threads))
    x, y, z, w = philox((turns + 0 * numbers, 0 * numbers, numbers, 0 * numbers), seed)
    made = [one for pair in ((x, y), (z, w))[: -(-rows // 2)] for one in _box_muller(*pair)]
    return np.stack(made[:rows], axis=1).reshape(-1)[:count].astype(np.float32)


def philox(counter: tuple[Words, Words, Words, Words], seed: int) -> tuple[Words, Words, Words, Words]:
    """Philox4x32-10 of counters of four 32-bit words, each an array of uint64; the key is `seed`, low word first."""
    a, b, c, d = counter
    low, high = seed & _WORD, seed >> 32
    for _ in range(_ROUNDS):
        first, second = a * np.uint64(_MULTIPLIERS[0]), c * np.uint64(_MULTIPLIERS[1])
        a, c = _high(second) ^ b ^ np.uint64(low), _high(first) ^ d ^ np.uint64(high)
        b, d = _low(second), _low(first)
        low, high = (low + _WEYL[0]) & _WORD, (high + _WEYL[1]) & _WORD
    return a, b, c, d


def _low(words: Words) -> Words:
    return words & np.uint64(_WORD)


def _high(words: Words) -> Words:
    return words >> np.uint64(32)


def _box_muller(x: Words, y: Words) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two normal numbers of two words (Box and Muller 1958), sine first, in cuRAND's arithmetic."""
    radius = np.sqrt(-2 * np.log((x + 0.5) * _UNIT))
    angle = (y + 0.5) * _TURN
    return radius * np.sin(angle), radius * np.cos(angle)
