"""The test for visible borders finds those that are there, and none in pictures without."""

import numpy as np
import pytest

from mezzotint.evaluate.seams import seams

SIDE, BORDERS = 256, [64, 128, 192]


def smooth(seed: int) -> np.ndarray:
    """A smooth random picture with some grain, 0..255."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = sum(
        chance.normal()
        * np.sin(2 * np.pi * (chance.integers(1, 6) * x + chance.integers(1, 6) * y) + chance.normal())
        for _ in range(8)
    )
    return (128 + 30 * waves)[..., None] + chance.normal(0, 2, (SIDE, SIDE, 3))


def test_pictures_without_borders_have_no_seams():
    found = [seams(smooth(seed), BORDERS, BORDERS).p for seed in range(20)]
    assert sum(p < 0.05 for p in found) <= 4  # of 20 about one by chance
    assert 0.2 < np.mean(found) < 0.8


@pytest.mark.parametrize("step", [1.5, 10])
def test_steps_of_brightness_at_borders_are_found(step):
    picture = smooth(1)
    for place, border in enumerate(BORDERS):
        picture[border:] += step * (-1) ** place
        picture[:, border:] += step * (-1) ** place
    found = seams(picture, BORDERS, BORDERS)
    assert found.p < 0.05 and found.ratio > 1
    assert max(found.shares) == 1 or step == 1.5


def test_borders_only_down_or_only_across():
    picture = smooth(2)
    picture[:, 64:] += 5
    across, down = seams(picture, [], [64]), seams(picture, [64], [])
    assert across.p < 0.01 and across.ratio > 1.2
    assert down.ratio < 1.1 and len(down.shares) == 1


@pytest.mark.parametrize("axis", [0, 1])
def test_a_border_is_the_step_to_the_line_behind_it(axis):
    picture = np.zeros((64, 64, 3))
    picture[20:] = 50
    picture = picture if axis == 0 else picture.transpose(1, 0, 2)
    ratios = [
        seams(picture, *(([line], []) if axis == 0 else ([], [line])), trials=20).ratio
        for line in (19, 20, 21)
    ]
    assert ratios[1] > 1000 * max(ratios[0], ratios[2])


def test_a_picture_of_one_colour_has_no_seams():
    found = seams(np.full((64, 64, 3), 128.0), [32], [32])
    assert found.p == 1 and found.ratio == 0


def test_no_border_is_an_error():
    with pytest.raises(ValueError, match="no border"):
        seams(smooth(0), [], [])
