"""Depth beside composed pictures: balloons have the depth of their closed forms, and planes lie where pictures lie."""

from types import SimpleNamespace

import fakes  # noqa: F401 - makes the fixture importable
import numpy as np
import pytest

from mezzotint.train.data.colours import GROUNDS
from mezzotint.train.data.compose import sample
from mezzotint.train.data.depth import STEP, depth_of, thickness
from mezzotint.train.data.sprites import load


@pytest.fixture(scope="module")
def sprites(built):
    """All training sprites of the fake data at 64 pixels."""
    return load(built, 64)


def disc(radius: float, side: int = 81):
    """The distance from the middle in pixels, and where it is below `radius`."""
    y, x = np.mgrid[:side, :side] - side // 2
    far = np.sqrt(x * x + y * y)
    return far, far <= radius


def test_a_disc_becomes_half_a_ball():
    far, inside = disc(30.5)
    made, wanted = thickness(inside), np.sqrt(np.maximum(30.5**2 - far**2, 0))
    assert not made[~inside].any()
    assert np.abs(made - wanted)[far < 25].max() < 0.04 * 30.5
    flat = np.where(inside, 20, 0)
    assert np.abs(flat - wanted)[far < 25].max() > 0.2 * 30.5


def test_a_long_strip_becomes_half_a_cylinder():
    shape = np.zeros((21, 201), bool)
    shape[3:18] = True
    middle = thickness(shape)[:, 100]
    rows = np.arange(21) - 10
    wanted = np.sqrt(np.maximum(2 * (8.0**2 - rows**2), 0))
    assert np.abs(middle - wanted)[shape[:, 100]].max() < 0.02 * wanted.max()


def test_thickness_grows_with_size_and_with_width():
    small, large = thickness(disc(10)[1]), thickness(disc(20)[1])
    assert large.max() == pytest.approx(2 * small.max(), rel=0.06)
    thin = np.zeros((40, 40), bool)
    thin[:, 19:21] = True
    assert thickness(thin).max() < 0.3 * small.max()
    assert not thickness(np.zeros((5, 7), bool)).any()
    assert thickness(np.ones((3, 3), bool)).max() > 1


def test_what_lies_on_top_hides_what_is_nearer_under_it(sprites):
    made = sample(sprites, 3, 0, 48)
    large, little = (0, 0, 48, 48), (16, 16, 32, 32)

    def drawn(*boxes):
        """The same thing in boxes of several sizes."""
        return depth_of(SimpleNamespace(image=made.image, things=made.things[:1] * len(boxes), boxes=boxes))

    alone, whole = drawn(little), drawn(large)
    solid = alone == alone.max()
    assert (whole[solid] > alone.max()).all()
    assert np.allclose(drawn(large, little)[solid], alone.max()) and np.allclose(
        drawn(large, little)[0], whole[0]
    )
    assert np.allclose(drawn(little, large)[solid], whole[solid], atol=1e-6)


def test_depth_lies_where_the_things_are(sprites):
    for index in range(40):
        made = sample(sprites, 3, index, 48)
        plane = depth_of(made)
        assert plane.shape == (48, 48) and plane.dtype == np.float32
        assert plane.min() == 0 and STEP < plane.max() <= 1.05
        inside = np.zeros((48, 48), bool)
        for left, top, right, bottom in made.boxes:
            inside[top:bottom, left:right] = True
        assert not plane[~inside].any()
        ground = GROUNDS[made.scene.ground or "white"]
        painted = (np.abs(made.image.astype(int) - ground) > 80).any(2)
        assert not painted[plane == 0].any()
        assert np.array_equal(plane, depth_of(sample(sprites, 3, index, 48)))


def test_large_things_are_nearer_and_equal_things_equally_near(sprites):
    peaks = {"small": [], "large": []}
    for index in range(2000):
        made = sample(sprites, 5, index, 32)
        if made.scene.extent is not None:
            peaks[made.scene.extent].append(float(depth_of(made).max()))
        if made.scene.count > 1:
            plane = depth_of(made)
            middles = {float(plane[(t + b) // 2, (x + y) // 2]) for x, t, y, b in made.boxes}
            assert len(middles) == 1
    assert min(len(found) for found in peaks.values()) > 10
    assert np.mean(peaks["large"]) > np.mean(peaks["small"]) + 0.1


def test_what_lies_on_top_hides_what_is_under_it(sprites):
    made = next(s for s in (sample(sprites, 3, k, 48) for k in range(200)) if s.scene.relation == "left")
    over = type(made)(made.image, made.caption, made.scene, (made.boxes[0], made.boxes[0]))
    alone = type(made)(made.image, made.caption, made.scene, (made.boxes[1], made.boxes[0]))
    left, top, right, bottom = made.boxes[0]
    both, one, under = (depth_of(x)[top:bottom, left:right] for x in (over, alone, made))
    covered = one > 0.8 * one.max()
    assert covered.any() and np.allclose(both[covered], one[covered], atol=1e-6)
    assert not np.allclose(under[covered], one[covered], atol=1e-3)
