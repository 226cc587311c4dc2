"""Pixels before and after drawing, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffusion.toys import STEADY
from mezzotint.engine import raster

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.integers(1, 24)


def grey(seed, width, height, share=0.2):
    """A mask that is black but for a share of its pixels."""
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 256, (height, width)) * (rng.random((height, width)) < share)
    return Image.fromarray(values.astype(np.uint8))


def colours(seed, width, height):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def window(values, reach, pick):
    """The `pick` of the square of `reach` around every pixel, as it is defined."""
    rows, columns = values.shape
    made = np.empty_like(values)
    for y in range(rows):
        for x in range(columns):
            part = values[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
            made[y, x] = pick(part)
    return made


@STEADY
@given(SEEDS, SIDES, SIDES, st.integers(-30, 30))
def test_growing_is_the_greatest_and_shrinking_the_least_around(seed, width, height, pixels):
    mask = grey(seed, width, height)
    values = np.asarray(mask)
    wanted = window(values, abs(pixels), np.max if pixels > 0 else np.min)
    assert np.array_equal(raster.grown(mask, pixels), wanted)


def test_growing_by_much_and_by_nothing():
    mask = grey(1, 2048, 1024, share=1e-6)
    assert raster.grown(mask, 0) is mask
    grown = np.asarray(raster.grown(mask, 256))
    assert np.array_equal(grown[::97, ::89] > 0, window_of(np.asarray(mask), 256)[::97, ::89])


def window_of(values, reach):
    """Where anything lies within `reach`, by sums."""
    padded = np.pad((values > 0).astype(int), reach)
    sums = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    n = 2 * reach + 1
    return sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n] > 0


@STEADY
@given(SEEDS, SIDES, SIDES)
def test_what_was_grown_and_shrunk_covers_what_was_there(seed, width, height):
    mask = grey(seed, width, height)
    closed = raster.grown(raster.grown(mask, 3), -3)
    assert (np.asarray(closed) >= np.asarray(mask)).all()


def test_masks_without_grey():
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    levels = np.arange(256).reshape(16, 16)
    assert np.array_equal(raster.black_and_white(ramp), np.where(levels < 128, 0, 255))
    assert np.array_equal(raster.any_of(ramp), np.where(levels == 0, 0, 255))


def test_a_blurred_edge_is_half_way_at_the_edge_and_falls():
    mask = Image.new("L", (64, 8), 0)
    mask.paste(255, (32, 0, 64, 8))
    row = np.asarray(raster.blurred(mask, 4.0), dtype=int)[4]
    assert abs(row[31] + row[32] - 255) <= 2
    assert (np.diff(row) >= 0).all()
    assert row[32 - 16] <= 2 and row[32 + 15] >= 253
    assert raster.blurred(mask, 0.0) is mask


@STEADY
@given(SEEDS, SIDES, SIDES, st.integers(0, 100))
def test_surround_keeps_what_is_known_and_stays_between_its_colours(seed, width, height, percent):
    image = colours(seed, width, height)
    mask = raster.any_of(grey(seed, width, height, percent / 100))
    filled, before, gone = (np.asarray(part) for part in (raster.surround(image, mask), image, mask))
    known = gone == 0
    assert np.array_equal(filled[known], before[known])
    if not known.any():
        assert ((filled == 127) | (filled == 128)).all()
        return
    assert (filled.min((0, 1)) >= before[known].min(0).astype(int) - 1).all()
    assert (filled.max((0, 1)) <= before[known].max(0).astype(int) + 1).all()


@STEADY
@given(SEEDS, st.integers(1, 70), st.integers(1, 70), st.tuples(*[st.integers(0, 255)] * 3))
def test_surround_of_one_colour_is_that_colour(seed, width, height, colour):
    mask = np.array(raster.any_of(grey(seed, width, height, 0.7)))
    mask[0, 0] = 0
    image = np.full((height, width, 3), colour, np.uint8)
    image[mask > 0] = 255 - image[mask > 0]
    filled = np.asarray(raster.surround(Image.fromarray(image), Image.fromarray(mask)), dtype=int)
    assert np.abs(filled - np.array(colour)).max() <= 1


def test_surround_goes_over_from_one_side_to_the_other():
    image = Image.new("RGB", (66, 66), (0, 0, 0))
    image.paste((200, 100, 0), (33, 0, 66, 66))
    mask = Image.new("L", (66, 66), 255)
    mask.paste(0, (0, 0, 1, 66))
    mask.paste(0, (65, 0, 66, 66))
    row = np.asarray(raster.surround(image, mask), dtype=int)[33, :, 0]
    assert (np.diff(row) >= -2).all()
    assert 60 < row[20:46].mean() < 140


@STEADY
@given(
    SEEDS, st.integers(1, 90), st.integers(1, 90), st.integers(0, 120), st.tuples(*[st.integers(1, 64)] * 2)
)
def test_around_lies_in_the_picture_and_holds_the_mask(seed, width, height, padding, shape):
    mask = grey(seed, width, height, 0.01)
    box = raster.around(mask, padding, shape)
    if mask.getbbox() is None:
        assert box is None
        return
    left, top, right, bottom = box
    inner = mask.getbbox()
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert left <= max(0, inner[0] - padding) or right - left == width
    assert top <= max(0, inner[1] - padding) or bottom - top == height
    assert right >= min(width, inner[2] + padding)
    assert bottom >= min(height, inner[3] + padding)
    across, down, wanted = right - left, bottom - top, shape[0] / shape[1]
    # Where there is room the proportions are those of the drawing, but for less than a pixel.
    if across < width and down < height:
        assert abs(across - down * wanted) <= max(1.0, wanted) / 2 + 1e-9


@STEADY
@given(SEEDS, SIDES, SIDES, st.tuples(*[st.integers(0, 9)] * 4))
def test_new_space_has_the_colours_of_the_edge_and_is_all_that_is_masked(seed, width, height, sides):
    image = colours(seed, width, height)
    left, top, right, bottom = sides
    large, mask = raster.extended(image, sides), raster.new_space(image.size, sides)
    assert large.size == mask.size == (width + left + right, height + top + bottom)
    assert large.mode == "RGB"
    box = (left, top, left + width, top + height)
    assert large.crop(box).tobytes() == image.tobytes()
    inside = np.asarray(mask) == 0
    assert inside.sum() == width * height
    assert not np.asarray(mask.crop(box)).any()
    rows = np.clip(np.arange(large.height) - top, 0, height - 1)
    columns = np.clip(np.arange(large.width) - left, 0, width - 1)
    assert np.array_equal(large, np.asarray(image)[rows][:, columns])
    assert raster.extended(image.convert("L"), sides).mode == "L"


@pytest.mark.parametrize("level", [0, 255])
def test_what_is_pasted_is_to_the_bit(level):
    below, above = colours(1, 9, 7), colours(2, 9, 7)
    made = raster.pasted(below, above, Image.new("L", (9, 7), level))
    assert made.tobytes() == (above if level else below).tobytes()
