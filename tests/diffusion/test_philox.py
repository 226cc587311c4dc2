"""Philox as the authors publish it, and the order in which the threads of a GPU give their numbers."""

import numpy as np
import pytest
import torch

from mezzotint.diffusion.philox import Grid, philox, philox_stream

KNOWN = [
    ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        0x299F31D0A4093822,
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
"""Counter, key and answer: the known-answer tests of Random123 (`kat_vectors`, philox4x32 of 10 rounds)."""


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_known_answers(counter, key, answer):
    words = philox(tuple(np.array([word], dtype=np.uint64) for word in counter), key)
    assert tuple(int(word[0]) for word in words) == answer


def threads(seed, grid, count, calls=1):
    """The numbers of `calls` draws of `count`, thread by thread in plain Python, as a GPU would give them."""
    streams = {}

    def four(thread, offset):
        if (thread, offset) not in streams:
            words = philox(tuple(np.array([w], dtype=np.uint64) for w in (offset, 0, thread, 0)), seed)
            x, y, z, w = (float(word[0]) + 0.5 for word in words)
            turn = float(np.float32(2 * np.pi / 2**32))
            made = []
            for a, b in ((x, y), (z, w)):
                radius = np.sqrt(-2 * np.log(a / 2**32))
                made += [radius * np.sin(b * turn), radius * np.cos(b * turn)]
            streams[thread, offset] = made
        return streams[thread, offset]

    width = min(-(-count // 256), grid.most // 256) * 256
    offset, found = 0, []
    for _ in range(calls):
        row = np.zeros(count, np.float32)
        for start in range(0, count, 4 * width):
            for thread in range(width):
                for value in range(4):
                    place = start + value * width + thread
                    if place < count:
                        row[place] = four(thread, offset)[value]
            offset += 1
        found.append(torch.from_numpy(row))
    return found


@pytest.mark.parametrize("count", [1, 255, 256, 257, 512, 513, 1025, 2048, 2049, 4100])
def test_beyond_its_threads_a_gpu_gives_their_second_and_later_numbers(count):
    grid = Grid(1, 512)
    draw = philox_stream(7, grid)
    for expected in threads(7, grid, count, calls=2):
        assert torch.equal(draw((count,)), expected)


def test_two_gpus_agree_up_to_the_smaller_and_no_further():
    small, large = Grid(1, 512), Grid(3, 512)
    assert torch.equal(philox_stream(7, small)((512,)), philox_stream(7, large)((512,)))
    one, other = philox_stream(7, small)((1536,)), philox_stream(7, large)((1536,))
    assert torch.equal(one[:512], other[:512])
    assert int((one != other).sum()) == 1024


def test_without_an_end_every_number_is_the_first_of_its_thread():
    free, grid = philox_stream(9, None), Grid(2, 1024)
    for _ in range(3):
        whole = free((4096,))
    drawn = philox_stream(9, grid)
    for _ in range(3):
        part = drawn((2048,))
    assert torch.equal(whole[:2048], part)


def test_shares_of_gpus_that_differ_at_a_thousand_pixels():
    """The reports that noise of 76,800 numbers (1024 x 1200 of SDXL) differs on an RTX 4070 and not on a 4070 Ti."""
    free = philox_stream(3, None)((76_800,))
    first, second = (philox_stream(3, Grid(n, 1536))((76_800,)) for n in (46, 60))
    assert float((first != free).float().mean()) == pytest.approx(0.08, abs=0.001)
    assert torch.equal(second, free)


def test_numbers_are_normal_and_repeat():
    numbers = philox_stream(2**64 - 1, Grid(30, 1024))((4, 256, 256))
    assert numbers.dtype == torch.float32 and numbers.shape == (4, 256, 256)
    assert float(numbers.mean()) == pytest.approx(0, abs=0.01)
    assert float(numbers.std()) == pytest.approx(1, abs=0.01)
    assert float((numbers.abs() > 1.959964).float().mean()) == pytest.approx(0.05, abs=0.003)
    assert torch.equal(numbers, philox_stream(2**64 - 1, Grid(30, 1024))((4, 256, 256)))
