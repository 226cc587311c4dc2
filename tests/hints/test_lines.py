"""Hints that are lines: known edges of known shapes, and the published formulas."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from hints.pictures import even, grey_of, noise, photo, standard_lineart, xdog
from mezzotint.hints.lines import canny, lineart, scribble, scribble_xdog, straight_lines
from mezzotint.values.hints import Canny, Lineart, Lines, Scribble, ScribbleXdog


def square(ground="black", ink="white", size=64):
    image = Image.new("RGB", (size, size), ground)
    image.paste(ink, (16, 16, 48, 48))
    return image


def ring_of_the_square(off):
    """Whether a pixel is within `off` of the outline of `square`."""
    y, x = np.mgrid[0:64, 0:64] + 0.5
    return np.abs(np.maximum(np.abs(x - 32), np.abs(y - 32)) - 16) <= off


@pytest.mark.parametrize(("low", "high"), [(100, 200), (20, 60), (0, 2040)])
@pytest.mark.parametrize("image", [photo(), noise()], ids=["photo", "noise"])
def test_canny_is_that_of_opencv(image, low, high):
    assert np.array_equal(
        grey_of(canny(image, Canny(low=low, high=high))), cv2.Canny(np.asarray(image), low, high)
    )


def test_the_edge_of_a_square_is_one_closed_line():
    found = grey_of(canny(square(), Canny()))
    assert set(np.unique(found)) == {0, 255}
    assert not found[~ring_of_the_square(1)].any()
    contours, _ = cv2.findContours(found, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    assert len(contours) == 1
    assert 110 <= np.count_nonzero(found) <= 128  # once around: 4 * 32 less the corners


def test_higher_thresholds_leave_fewer_edges():
    many, few = (grey_of(canny(photo(), Canny(low=at // 2, high=at))) > 0 for at in (40, 400))
    assert few.sum() < many.sum()
    assert not (few & ~many).any()


@pytest.mark.parametrize("width", [1, 6, 15])
def test_strokes_are_as_wide_as_said(width):
    found = grey_of(scribble(square(), Scribble(width=width)))
    assert set(np.unique(found)) == {0, 255}
    across = np.count_nonzero(found[32, :32])
    assert abs(across - width) <= 1
    if width > 1:
        assert ring_of_the_square(0.5)[found == 0].sum() < 12  # only the corners are round


def test_a_scribble_without_blur_and_width_is_canny():
    fine = Scribble(sigma=0.1, low=100, high=200, width=1)
    assert np.array_equal(scribble(photo(), fine), canny(photo(), Canny()))


@pytest.mark.parametrize("threshold", [0, 32, 100])
@pytest.mark.parametrize(
    "image", [photo(), square("white", "black"), noise()], ids=["photo", "square", "noise"]
)
def test_xdog_is_the_published_formula(image, threshold):
    found = grey_of(scribble_xdog(image, ScribbleXdog(threshold=threshold)))
    assert np.array_equal(found, xdog(np.asarray(image), threshold))
    assert not np.array_equal(found, xdog(np.asarray(image), 0 if threshold else 60))


def test_xdog_marks_the_dark_side():
    found = grey_of(scribble_xdog(square("white", "black"), ScribbleXdog()))
    assert found[17:47, 17].all()
    assert not found[:15].any()
    assert not found[32, 32]


@pytest.mark.parametrize(("sigma", "floor"), [(6.0, 8), (2.0, 8), (6.0, 2)])
def test_line_art_is_the_published_formula(sigma, floor):
    found = grey_of(lineart(photo(), Lineart(sigma=sigma, floor=floor)))
    assert np.array_equal(found, standard_lineart(np.asarray(photo()), sigma, floor))
    assert not np.array_equal(found, standard_lineart(np.asarray(photo()), sigma + 1, floor))


def test_a_drawing_becomes_white_lines_on_black():
    image = even(64, 64, (255, 255, 255))
    ImageDraw.Draw(image).line((8, 8, 56, 40), "black", 2)
    found = grey_of(lineart(image, Lineart()))
    assert found[np.asarray(image)[..., 0] == 0].min() > 100
    assert np.median(found) == 0


def test_straight_lines_lie_on_what_was_drawn():
    image = even(128, 128, (0, 0, 0))
    ImageDraw.Draw(image).line((10, 20, 110, 90), "white", 5)
    found = grey_of(straight_lines(image, Lines()))
    drawn = cv2.dilate(np.asarray(image)[..., 0], np.ones((5, 5), np.uint8))
    assert np.count_nonzero(found) > 180  # both sides of it
    assert not found[drawn == 0].any()


def test_short_lines_are_left_out():
    image = even(128, 128, (0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, 110, 60), "white")
    draw.rectangle((20, 90, 40, 110), "white")
    short, long = (grey_of(straight_lines(image, Lines(shortest=share))) for share in (0.05, 0.3))
    assert short[85:].any()
    assert not long[85:].any()
    assert np.array_equal(long[:70], short[:70])


@pytest.mark.parametrize(
    "hint",
    [
        lambda image: canny(image, Canny(low=0, high=1)),
        lambda image: scribble(image, Scribble(low=0, high=1)),
        lambda image: scribble_xdog(image, ScribbleXdog()),
        lambda image: lineart(image, Lineart()),
        lambda image: straight_lines(image, Lines(shortest=0.0)),
    ],
    ids=["canny", "scribble", "xdog", "lineart", "lines"],
)
def test_where_nothing_is_there_are_no_lines(hint):
    assert grey_of(hint(even())).max() == 0
