"""Noise is an image's own, whatever else is drawn."""

import pytest
import torch
from torch import Tensor

from diffusion.toys import PATH
from mezzotint.diffusion.noise import SeededNoise, seed_for, torch_stream

SHAPE = (4, 6, 6)
LEVEL = PATH.level(torch.tensor(1.0))


def draws(seeds: list[int], count: int = 3) -> list[Tensor]:
    noise = SeededNoise(seeds, SHAPE)
    return [noise.initial()] + [noise(LEVEL, LEVEL, "step") for _ in range(count)]


@pytest.mark.parametrize("batch", [[7], [7, 1], [1, 7], [3, 2, 7, 7, 1, 0, 9, 8]])
def test_an_images_noise_is_independent_of_batch_place_and_neighbours(batch: list[int]) -> None:
    for alone, together in zip(draws([7]), draws(batch), strict=True):
        for seed, one in zip(batch, together, strict=True):
            assert torch.equal(one, alone[0]) == (seed == 7)


def test_every_draw_is_new_float32_of_the_full_shape() -> None:
    found = draws([0, 2**64 - 1])
    assert all(draw.shape == (2, *SHAPE) and draw.dtype == torch.float32 for draw in found)
    flat = torch.cat(found).reshape(8, -1)
    assert len(flat.unique(dim=0)) == 8
    assert float(flat.std()) == pytest.approx(1, abs=0.1)


def test_initial_starts_the_streams_again() -> None:
    noise = SeededNoise([4], SHAPE)
    first, second = noise.initial(), noise(LEVEL, LEVEL, "step")
    assert torch.equal(noise.initial(), first)
    assert torch.equal(noise(LEVEL, LEVEL, "step"), second)


def test_the_global_generator_is_not_touched() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    draws([1, 2])
    assert torch.equal(torch.get_rng_state(), state)


def test_every_purpose_has_a_seed_of_its_own_that_every_machine_finds() -> None:
    assert seed_for(7, "look") == 18366264833481394078
    seeds = {seed_for(seed, purpose) for seed in (0, 1, 2**64 - 1) for purpose in ("look", "step", "")}
    assert len(seeds) == 9 and all(0 <= seed < 2**64 for seed in seeds)
    assert torch_stream(max(seeds))((2, 3)).shape == (2, 3)
