"""Hints that are areas of colour: constants, steps, means, and what noise bends."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hints.pictures import any_pictures, content_shuffle, even, noise, photo
from mezzotint.hints.areas import blur, colour, invert, shuffle, tile
from mezzotint.values.hints import Blur, Colour, Invert, Shuffle, Tile

DETAIL_GOES = [
    lambda image: tile(image, Tile()),
    lambda image: tile(image, Tile(down=64.0)),
    lambda image: blur(image, Blur()),
    lambda image: colour(image, Colour()),
    lambda image: colour(image, Colour(cell=5)),
    lambda image: shuffle(image, Shuffle()),
]


@pytest.mark.parametrize("hint", DETAIL_GOES)
def test_one_colour_stays_that_colour(hint):
    assert hint(even()) == even()


@pytest.mark.parametrize("hint", DETAIL_GOES)
def test_no_other_picture_stays_as_it_is(hint):
    assert hint(photo()) != photo()


def step():
    """Black on the left, white on the right."""
    image = even(64, 32, (0, 0, 0))
    image.paste("white", (32, 0, 64, 32))
    return image


def test_a_blurred_step_is_the_integral_of_the_gaussian():
    row = np.asarray(blur(step(), Blur(sigma=4.0)))[16, :, 0] / 255
    gauss = np.exp(-(np.arange(-40, 41) ** 2) / 32)
    expected = np.convolve(np.pad(np.arange(64) >= 32, 40, mode="edge"), gauss / gauss.sum(), "valid")
    assert np.abs(row - expected)[8:-8].max() < 0.01
    other = np.asarray(blur(step(), Blur(sigma=5.0)))[16, :, 0] / 255
    assert np.abs(other - expected)[8:-8].max() > 0.02


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_tile_keeps_the_means_and_loses_the_detail(factor):
    image = noise(64, 64)
    before, after = (np.asarray(i).astype(float) for i in (image, tile(image, Tile(down=float(factor)))))
    assert after.std() < before.std() / factor * 1.5
    assert abs(after.mean() - before.mean()) < 2
    means = before.reshape(64 // factor, factor, 64 // factor, factor, 3).mean(axis=(1, 3))
    small = cv2.resize(np.rint(means).astype(np.uint8), (64, 64), interpolation=cv2.INTER_CUBIC)
    assert np.abs(after - small).max() <= 2  # means are rounded to levels in between


def test_a_tile_of_1_is_the_picture():
    assert tile(noise(33, 21), Tile(down=1.0)) == noise(33, 21)


def test_a_mosaic_is_the_mean_of_each_square():
    image = noise(96, 64)
    found = np.asarray(colour(image, Colour(cell=32))).reshape(2, 32, 3, 32, 3)
    means = np.asarray(image).astype(float).reshape(2, 32, 3, 32, 3).mean(axis=(1, 3))
    assert np.abs(found - means[:, None, :, None]).max() <= 0.51


def test_a_mosaic_of_1_is_the_picture_and_a_large_one_a_colour():
    assert colour(noise(), Colour(cell=1)) == noise()
    assert len(np.unique(np.asarray(colour(noise(), Colour(cell=4096))).reshape(-1, 3), axis=0)) == 1


@settings(max_examples=20, deadline=None, derandomize=True)
@given(any_pictures())
def test_the_negative_of_the_negative_is_the_picture(image):
    negative = invert(image, Invert())
    assert invert(negative, Invert()) == image
    assert np.all(np.asarray(negative).astype(int) + np.asarray(image) == 255)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(any_pictures(), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_what_is_shuffled_keeps_its_colours(image, cell, seed):
    found = np.asarray(shuffle(image, Shuffle(cell=cell, seed=seed)))
    given = np.asarray(image)
    assert np.all(found.min(axis=(0, 1)) >= given.min(axis=(0, 1)))
    assert np.all(found.max(axis=(0, 1)) <= given.max(axis=(0, 1)))


@pytest.mark.parametrize(("cell", "seed"), [(256, 0), (24, 7)])
def test_a_shuffle_is_the_published_formula(cell, seed):
    found = np.asarray(shuffle(photo(), Shuffle(cell=cell, seed=seed)))
    assert np.array_equal(found, content_shuffle(np.asarray(photo()), cell, seed))
    assert not np.array_equal(found, content_shuffle(np.asarray(photo()), cell, seed + 1))


def test_a_shuffle_is_its_seeds():
    one, again, other = (shuffle(photo(), Shuffle(cell=24, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_shuffle_reaches_every_edge():
    """The noise goes from 0 to 1, so the ramp of a picture is there from end to end."""
    ramp = np.repeat(np.arange(0, 256, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    found = np.asarray(shuffle(Image.fromarray(ramp), Shuffle(cell=32)))
    assert (found.min(), found.max()) == (0, 255)
