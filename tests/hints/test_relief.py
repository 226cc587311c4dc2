"""Depth and normals: planes and ramps in closed form, the published formula, and what smoothing is for."""

import numpy as np
import pytest
from PIL import Image

from hints.pictures import even, grey_of, midas_normals
from mezzotint.hints.relief import depth_from, normal, normals_from
from mezzotint.values.hints import Normal

FACING = (127, 127, 255)


def picture(grey):
    return Image.fromarray(np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2))


def ball(side=64):
    """Depth of half a ball before a far ground, 0 to 1."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return np.sqrt(np.clip(0.64 - x**2 - y**2, 0, None)) / 0.8


def test_depth_fills_the_range():
    depth = np.array([[-2.0, 0.0], [1.0, 3.0]], np.float32)
    assert grey_of(depth_from(depth)).tolist() == [[0, 102], [153, 255]]
    assert grey_of(depth_from(np.full((8, 9), 7.5))).max() == 0


@pytest.mark.parametrize("depth", [np.float32(1e30), np.float32(-3e-20)])
def test_the_scale_of_depth_does_not_matter(depth):
    some = np.random.default_rng(0).random((9, 8), np.float32)
    assert np.abs(grey_of(depth_from(some * abs(depth))).astype(int) - grey_of(depth_from(some))).max() <= 1


def test_what_is_flat_faces_the_viewer():
    assert set(normal(even(24, 16, (90, 90, 90)), Normal()).get_flattened_data()) == {FACING}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("flatness", [6.28, 1.0, 100.0])
def test_a_ramp_has_one_normal(turned, flatness):
    ramp = np.repeat(np.arange(0, 128, 2)[None], 64, axis=0)
    found = np.asarray(
        normal(picture(ramp.T if turned else ramp), Normal(background=0.0, flatness=flatness, smooth=0.0))
    )
    vector = np.array([0.0, 16.0, flatness] if turned else [16.0, 0.0, flatness])  # 8 times the slope of 2
    expected = np.floor(vector / np.linalg.norm(vector) * 127.5 + 127.5)
    assert np.abs(found[2:-2, 2:-2] - expected).max() <= 1


@pytest.mark.parametrize(("background", "flatness"), [(0.1, 6.28), (0.4, 6.28), (0.0, 20.0)])
def test_normals_are_the_published_formula(background, flatness):
    depth = np.random.default_rng(2).integers(0, 256, (40, 30)).astype(np.float32)
    found = np.asarray(normal(picture(depth), Normal(background=background, flatness=flatness, smooth=0.0)))
    assert np.array_equal(found, midas_normals(depth, background, flatness))
    assert not np.array_equal(found, midas_normals(depth, background, flatness + 1))
    assert not np.array_equal(found, midas_normals(depth, background + 0.2, flatness))


def test_the_background_is_flat():
    found = np.asarray(normal(picture(np.rint(ball() * 255)), Normal(background=0.3)))
    far = ball() < 0.29
    assert np.all(found[far] == FACING)
    assert not np.all(found[~far] == FACING)


def test_smoothing_takes_away_the_steps_of_8_bits():
    """A ball whose depth is not rounded is the truth; rounded to 8 bits it has ripples, smoothed it has few."""
    exact = ball(256)
    truth = np.asarray(normals_from(exact, Normal())).astype(float)
    inside = exact > 0.4
    apart = [
        np.abs(np.asarray(normal(picture(np.rint(exact * 255)), Normal(smooth=sigma))) - truth)[inside].mean()
        for sigma in (0.0, 2.0)
    ]
    assert apart[1] < apart[0] / 3, apart


def test_a_map_gives_what_its_picture_gives():
    levels = np.random.default_rng(3).integers(0, 256, (24, 24))
    levels[0, :2] = 0, 255
    by_map = normals_from(levels * 4.5 - 9, Normal())
    by_picture = normal(picture(levels), Normal(smooth=0.0))
    assert np.abs(np.asarray(by_map).astype(int) - np.asarray(by_picture)).max() <= 1
