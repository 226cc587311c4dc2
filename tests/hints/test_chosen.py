"""Hints by name: what all of them keep, how they are written, and what is refused."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hints.pictures import any_pictures, grey_of, noise
from mezzotint.engine.hinting import OURS
from mezzotint.hints.chosen import chosen
from mezzotint.hints.registry import HINTS
from mezzotint.values import names
from mezzotint.values.errors import BadValue, MezzotintError, MissingExtra
from mezzotint.values.hints import KINDS

WITHOUT_NETWORK = tuple(name for name in HINTS if name != "soft-edge")
GREY = ("canny", "scribble", "scribble-xdog", "lineart", "lines")


def test_the_names_are_those_of_the_registry():
    assert names.HINTS == tuple(OURS) == tuple(KINDS)
    assert {name: hint.options for name, hint in OURS.items()} == dict(KINDS)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(WITHOUT_NETWORK), any_pictures())
def test_a_hint_is_rgb_of_the_same_size_and_always_the_same(name, image):
    before = image.copy()
    one, again = chosen(name).of(image), chosen(name).of(image)
    assert (one.mode, one.size) == ("RGB", image.size)
    assert one == again
    assert image == before
    if name in GREY:
        grey_of(one)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from(
        [
            "blur:50",
            "blur:0.1",
            "lineart:50,255",
            "lineart:0.1,0",
            "colour:4096",
            "tile:64",
            "shuffle:1,4294967295",
            "shuffle:1024",
            "lines:0",
            "lines:1",
            "scribble:50,0,0,64",
            "canny:0,0",
            "normal:1,0.01,50",
        ]
    ),
    st.integers(8, 33),
    st.integers(8, 33),
)
def test_settings_at_their_limits_work_on_the_smallest_pictures(text, width, height):
    assert chosen(text).of(noise(width, height)).size == (width, height)


@pytest.mark.parametrize(
    ("text", "shortest"),
    [
        ("canny", "canny"),
        ("canny:", "canny"),
        ("canny:100,200", "canny"),
        ("canny:50", "canny:low=50"),
        ("canny:high=300,low=50", "canny:low=50,high=300"),
        ("shuffle:seed=7", "shuffle:seed=7"),
        ("tile:2.5", "tile:down=2.5"),
    ],
)
def test_a_hint_is_written_in_one_word(text, shortest):
    assert chosen(text).text == shortest
    assert chosen(shortest) == chosen(text)


def test_settings_change_the_hint():
    assert chosen("tile:2").of(noise()) != chosen("tile:3").of(noise())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "unknown hint ''; known: canny, scribble"),
        ("cany", "unknown hint 'cany'; did you mean canny?"),
        ("soft_edge", "unknown hint 'soft_edge'; did you mean soft-edge?"),
        ("canny:lo=1", "unknown setting of canny 'lo'; did you mean low?"),
        ("canny:x", "canny low: must be a whole number, not 'x'"),
        ("canny:300", "canny low: 300 is above high, 200; put the smaller one first"),
        ("scribble:low=90", "scribble low: 90 is above high, 80; put the smaller one first"),
        ("canny:0,5000", "canny high: 5000 is out of range; use 0 to 2040"),
        ("tile:0.5", "tile down: 0.5 is out of range; use 1 to 64"),
        ("blur:nan", "blur sigma: must be a finite number"),
        ("invert:1", "hint: invert has a value too many; it takes none"),
    ],
)
def test_what_is_wrong_is_said_of_the_hint(text, complaint):
    with pytest.raises(MezzotintError) as caught:
        chosen(text)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (Image.new("L", (9, 9)), "picture: is L; convert it to RGB"),
        (Image.new("RGB", (100, 7)), "picture: is 100x7; use sides of 8 pixels or more"),
        (Image.new("RGB", (6000, 6001)), "picture: is 6000x6001; use at most 36 million pixels"),
    ],
)
def test_pictures_that_no_hint_is_made_of(image, complaint):
    with pytest.raises(BadValue) as caught:
        chosen("invert").of(image)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize("name", [name for name in WITHOUT_NETWORK if name != "invert"])
def test_without_opencv_its_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra) as caught:
        chosen(name).of(noise())
    assert str(caught.value) == "opencv-python-headless is not installed; pip install 'mezzotint[control]'"


def test_the_negative_needs_no_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert np.array_equal(chosen("invert").of(noise()), 255 - np.asarray(noise()))
