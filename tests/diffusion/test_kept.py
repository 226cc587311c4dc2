"""What lies outside a mask stays as it was, and a soft mask gives it free step by step."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from diffusion.toys import DETERMINISTIC, NEARLY, PATH, SHAPE, STEADY, bent, fixed_noise, normal, suited
from mezzotint.diffusion.kept import hard, kept, soft
from mezzotint.diffusion.path import Level, noised
from mezzotint.diffusion.plan import make_plan
from mezzotint.diffusion.samplers.registry import SAMPLERS

CLEAN, NOISE = normal(seed=1), normal(seed=2)
HALF = (torch.arange(SHAPE[-1]) >= SHAPE[-1] // 2).float().expand(SHAPE[0], 1, *SHAPE[2:])
"""1 in the right half."""
OUTSIDE = (HALF == 0).expand(SHAPE)


def told(step: int) -> Level:
    return Level(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(1.0), step)


def spied() -> tuple[Callable[[Tensor, Level], Tensor], list[Tensor]]:
    """A denoiser that answers 7 everywhere, and what it was shown."""
    shown: list[Tensor] = []

    def denoise(x: Tensor, level: Level) -> Tensor:
        shown.append(x)
        return torch.full_like(x, 7.0)

    return denoise, shown


def test_outside_a_hard_mask_the_answer_is_the_picture_and_the_network_sees_it_noised() -> None:
    denoise, shown = spied()
    level, x = PATH.level(torch.tensor(3.0)), normal(seed=3)
    answer = kept(denoise, CLEAN, NOISE, hard(HALF))(x, level)
    assert torch.equal(answer[OUTSIDE], CLEAN[OUTSIDE])
    assert bool((answer[~OUTSIDE] == 7).all())
    assert torch.equal(shown[0][OUTSIDE], noised(CLEAN, NOISE, level)[OUTSIDE])
    assert torch.equal(shown[0][~OUTSIDE], x[~OUTSIDE])


def test_all_white_is_no_mask_and_all_black_is_the_picture() -> None:
    level, x = PATH.level(torch.tensor(3.0)), normal(seed=3)
    white, black = (hard(torch.full_like(HALF, value)) for value in (1.0, 0.0))
    assert torch.equal(kept(bent, CLEAN, NOISE, white)(x, level), bent(x, level))
    assert torch.equal(kept(bent, CLEAN, NOISE, black)(x, level), CLEAN)


@pytest.mark.parametrize("sampler", [name for name in DETERMINISTIC if name not in NEARLY])
def test_every_sampler_ends_in_the_picture_outside_the_mask(sampler: str) -> None:
    plan = make_plan(PATH, "karras", 5)
    denoise = kept(bent, CLEAN, NOISE, hard(HALF))
    x = noised(CLEAN, NOISE, plan.levels[0])
    steps = SAMPLERS[sampler].sample(
        suited(sampler, denoise), x, plan, fixed_noise(), SAMPLERS[sampler].tuned({})
    )
    last = list(steps)[-1].x
    assert (last - CLEAN)[OUTSIDE].abs().max() <= 1e-5 * CLEAN.abs().max()
    assert (last - CLEAN)[~OUTSIDE].abs().max() > 0.1


@STEADY
@given(st.integers(0, 255), st.integers(1, 40), st.integers(0, 20))
def test_a_soft_mask_gives_a_place_free_for_its_share_of_the_steps(
    level: int, count: int, first: int
) -> None:
    """Of `count` steps the last `amount` of them, rounded down; the white is free from the first one on."""
    change = soft(torch.tensor([[[[level / 255]]]]), first, count)
    free = [bool(change(told(first + step))) for step in range(count)]
    assert free == sorted(free)
    assert sum(free) == level * count // 255


@STEADY
@given(st.lists(st.integers(0, 255), min_size=2, max_size=6), st.integers(1, 12))
def test_what_was_given_free_is_the_networks_and_the_rest_the_pictures(greys: list[int], count: int) -> None:
    amount = (torch.tensor(greys) / 255).reshape(1, 1, 1, -1)
    clean = torch.arange(len(greys), dtype=torch.float32).reshape(1, 1, 1, -1) + 10
    for step in range(count):
        denoise, _ = spied()
        answer = kept(denoise, clean, torch.zeros_like(clean), soft(amount, 0, count))(clean, told(step))
        free = torch.tensor([grey * count >= (count - step) * 255 for grey in greys]).reshape(clean.shape)
        assert torch.equal(answer, torch.where(free, torch.full_like(clean, 7), clean))
