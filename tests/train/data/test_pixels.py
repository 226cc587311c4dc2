"""Rasterising, framing and colours: what a sprite's pixels are and what they are called."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mezzotint.train.data.colours import GROUNDS, PAINTS, Hue, has, hsv, hue_of, recoloured, rgb_of, word_for
from mezzotint.train.data.raster import bitmap_pixels, framed, svg_pixels, webp
from mezzotint.values.errors import DataProblem, MissingExtra

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
SQUARE = SVG + '<rect x="9" y="1" width="6" height="3" fill="{}"/></svg>'


def flat(colour, side=32):
    """A sprite of one colour."""
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[4:-4, 4:-4] = (*colour, 255)
    return pixels


def test_svg_is_cropped_padded_and_centred():
    pixels = framed(svg_pixels(SQUARE.format("#d02020"), 256), 128)
    rows, columns = np.flatnonzero(pixels[..., 3].any(1)), np.flatnonzero(pixels[..., 3].any(0))
    assert (columns[0], columns[-1]) == (6, 121)
    assert abs((rows[0] + rows[-1]) / 2 - 63.5) <= 1 and abs(len(rows) - 58) <= 2
    assert tuple(pixels[64, 64]) == (208, 32, 32, 255)


def test_edges_keep_their_colour():
    pixels = framed(svg_pixels(SQUARE.format("#ffffff"), 256), 60)
    seen = pixels[pixels[..., 3] > 0][:, :3]
    assert seen.min() >= 250


def test_an_empty_drawing_has_no_sprite():
    assert framed(Image.new("RGBA", (9, 9)), 32) is None


def test_unreadable_drawings():
    with pytest.raises(DataProblem, match="cannot be rendered"):
        svg_pixels("<svg", 32)
    with pytest.raises(DataProblem, match="cannot be read"):
        bitmap_pixels(b"no picture")


def test_without_the_renderer(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtra, match=r"mezzotint\[train\]"):
        svg_pixels(SQUARE, 32)


def test_webp_keeps_alpha_and_repeats():
    pixels = flat((200, 30, 30))
    pixels[8, 8, 3] = 77
    data = webp(pixels)
    assert data == webp(pixels.copy())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data)))[..., 3], pixels[..., 3])


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_hsv_round_trip(colour):
    rgb = np.array([[colour]], np.uint8)
    assert np.abs(rgb_of(*hsv(rgb)).astype(int) - rgb).max() <= 1


def test_hsv_is_the_known_one():
    hue, saturation, value = hsv(
        np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [128, 128, 128]], np.uint8)
    )
    assert np.allclose(hue[:4], [0, 120, 240, 60])
    assert np.allclose(saturation, [1, 1, 1, 1, 0])
    assert np.allclose(value[:4], 1)


@pytest.mark.parametrize("word", sorted(GROUNDS))
def test_grounds_are_what_they_are_called(word):
    hue, saturation, value = (float(plane[0]) for plane in hsv(np.array([GROUNDS[word]], np.uint8)))
    assert word_for(hue, saturation, value) == word


@pytest.mark.parametrize("word", sorted(GROUNDS))
def test_a_flat_sprite_is_called_by_its_colour(word):
    hue = hue_of(flat(GROUNDS[word]))
    assert hue.name == word and hue.single
    assert hue.recolourable == (word not in ("white", "black", "grey"))


def test_a_sprite_of_two_colours_is_not_recolourable():
    pixels = flat(GROUNDS["red"])
    pixels[:, 16:, :3] = GROUNDS["blue"]
    assert not hue_of(pixels).recolourable and not hue_of(pixels).single


def test_an_empty_sprite_has_no_hue():
    assert hue_of(np.zeros((8, 8, 4), np.uint8)) == Hue("white", None, 0.0, False, False)


@pytest.mark.parametrize("target", sorted(PAINTS))
@pytest.mark.parametrize("source", ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"])
def test_a_recoloured_sprite_shows_the_word(source, target):
    pixels = flat(GROUNDS[source])
    shade = np.linspace(0.8, 1.0, 32)[:, None, None]
    pixels[..., :3] = (pixels[..., :3] * shade).astype(np.uint8)
    made = recoloured(pixels, hue_of(pixels).degrees, PAINTS[target])
    assert hue_of(made).name == target
    assert np.array_equal(made[..., 3], pixels[..., 3])


def test_other_hues_and_greys_stay():
    pixels = flat(GROUNDS["red"])
    pixels[5, 5:12, :3], pixels[6, 5:12, :3], pixels[7, 5:12, :3] = (
        GROUNDS["green"],
        (255, 255, 255),
        (20, 20, 20),
    )
    made = recoloured(pixels, hue_of(pixels).degrees, PAINTS["blue"])
    assert np.array_equal(made[5:8, 5:12], pixels[5:8, 5:12])
    assert not np.array_equal(made[20, 20], pixels[20, 20])


def test_a_sprite_without_that_hue_stays():
    pixels = flat((128, 128, 128))
    assert np.array_equal(recoloured(pixels, 0.0, PAINTS["blue"]), pixels)


def test_has_asks_for_the_word_and_the_hue():
    assert has(Hue("red", 2.0, 0.9, True, True), "red")
    assert not has(Hue("orange", 44.0, 0.9, True, True), "orange")
    assert not has(Hue("red", 2.0, 0.9, True, True), "blue")
    assert has(Hue("white", None, 0.9, True, False), "white")
