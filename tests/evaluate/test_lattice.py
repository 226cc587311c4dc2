"""The test for repeating pictures finds what repeats with the period that it is asked about, and nothing else."""

import numpy as np
import pytest

from mezzotint.evaluate.lattice import lattice

SIDE, STRIDE = 256, 32


def grain(seed, slope=1.0):
    """Random light whose amplitudes fall with frequency, as those of pictures do, 0..255."""
    chance = np.random.default_rng(seed)
    frequencies = np.hypot(*np.meshgrid(*[np.fft.fftfreq(SIDE) * SIDE] * 2))
    spectrum = np.fft.fft2(chance.normal(size=(SIDE, SIDE))) / np.maximum(frequencies, 1) ** slope
    light = np.real(np.fft.ifft2(spectrum))
    return np.repeat((128 + 40 * light / light.std())[..., None], 3, axis=2)


def thing(seed, side=STRIDE):
    """Something to repeat: light of its own in one tile."""
    return grain(seed)[:side, :side] - 128


def repeated(one, down=True, across=True):
    whole = np.tile(one, (SIDE // STRIDE if down else 1, SIDE // STRIDE if across else 1, 1))
    return np.pad(whole, [(0, SIDE - whole.shape[0]), (0, SIDE - whole.shape[1]), (0, 0)], mode="edge")


def test_pictures_that_do_not_repeat_pass():
    found = [lattice(grain(seed), STRIDE, STRIDE) for seed in range(40)]
    assert sum(one.p < 0.01 for one in found) <= 2
    assert 0.3 < np.mean([one.p for one in found]) < 0.7
    assert abs(np.mean([one.excess for one in found])) < 0.5


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_a_lattice_is_found_however_faint(share):
    for seed in range(4):
        picture = (1 - share) * grain(seed) + share * repeated(thing(seed + 50))
        found = lattice(picture, STRIDE, STRIDE)
        assert found.p < 0.01, (seed, found)
        assert found.excess > 1


def test_a_lattice_of_another_period_is_not_this_one():
    for seed in range(4):
        picture = 0.5 * grain(seed) + 0.5 * np.resize(
            np.tile(thing(seed, 40), (7, 7, 1))[:SIDE, :SIDE], (SIDE, SIDE, 3)
        )
        assert lattice(picture, STRIDE, STRIDE).p > 0.01
        assert lattice(picture, 40, 40).p < 0.01


def test_tiles_in_one_direction_only():
    for seed in range(4):
        strips = np.resize(np.tile(grain(seed + 50)[:, :STRIDE], (1, 8, 1)), (SIDE, SIDE, 3))
        across = 0.6 * grain(seed) + 0.4 * strips
        assert lattice(across, None, STRIDE).p < 0.01
        assert lattice(across.transpose(1, 0, 2), STRIDE, None).p < 0.01
        assert lattice(grain(seed), None, STRIDE).p > 0.01


def test_long_edges_are_no_lattice():
    """They have all frequencies of one direction, those of the lattice among them."""
    for seed in range(4):
        picture = grain(seed)
        picture[:, 100:] += 80
        picture[60:] -= 60
        assert lattice(picture, STRIDE, STRIDE).p > 0.01


def test_detail_that_comes_and_goes_with_the_tiles_is_found():
    """Its light is that of noise; what repeats is how much of it there is."""
    for seed in range(4):
        rough = np.random.default_rng(seed).normal(size=(SIDE, SIDE, 1)).repeat(3, axis=2)
        much = repeated(np.abs(thing(seed + 50)) / 40)
        assert lattice(128 + 10 * rough * much, STRIDE, STRIDE).p < 0.01
        assert lattice(128 + 10 * rough, STRIDE, STRIDE).p > 0.01


def test_a_picture_of_one_colour_has_no_lattice():
    assert lattice(np.full((SIDE, SIDE, 3), 7.0), STRIDE, STRIDE).p > 0.01


@pytest.mark.parametrize(
    ("down", "across", "text"),
    [
        (None, None, "no stride"),
        (8, 32, "of 8 does not fit"),
        (32, 80, "of 80 does not fit 256 pixels 4 times"),
    ],
)
def test_what_cannot_be_looked_at_is_an_error(down, across, text):
    with pytest.raises(ValueError, match=text):
        lattice(grain(0), down, across)
