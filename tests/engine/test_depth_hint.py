"""The hint `depth` by the shipped network: things stand out from their ground, at any size, without a download."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mezzotint.engine import depth_hint
from mezzotint.engine.hinting import known_hint, make_hint
from mezzotint.values.errors import BadValue


def ball(side: int, ground: str = "white", fill: str = "red") -> Image.Image:
    """A disc left of the middle."""
    image = Image.new("RGB", (4 * side, 4 * side), ground)
    ImageDraw.Draw(image).ellipse((0.4 * side, side, 2.4 * side, 3 * side), fill=fill)
    return image.resize((side, side), Image.Resampling.BOX)


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"), np.float32)


@pytest.mark.parametrize("side", [48, 64, 200])
@pytest.mark.parametrize("colours", [("white", "red"), ("purple", "yellow")])
def test_a_ball_stands_out_and_is_round(side, colours):
    made = make_hint("depth", ball(side, *colours))
    assert (made.mode, made.size) == ("RGB", (side, side))
    plane = levels(made)
    assert plane.min() == 0 and plane.max() == 255
    y, x = np.mgrid[:side, :side] / side
    far = np.hypot(x - 0.35, y - 0.5) / 0.25
    ground, rim, middle = plane[far > 1.15], plane[(far > 0.85) & (far < 0.95)], plane[far < 0.3]
    assert ground.mean() < 40 < rim.mean() < middle.mean() - 20
    truth = np.where(far < 1, 0.4 + 0.3 * np.sqrt(np.clip(1 - far**2, 0, 1)), 0)
    assert np.corrcoef(plane.ravel(), truth.ravel())[0, 1] > 0.9
    assert np.corrcoef(plane.ravel(), truth[:, ::-1].ravel())[0, 1] < 0.7


@pytest.mark.parametrize("size", [(8, 8), (400, 8), (9, 500)])
def test_any_size_has_a_hint(size):
    made = make_hint("depth", Image.new("RGB", size, "green"))
    assert made.size == size and made.mode == "RGB"


def test_a_longer_side_is_made_as_long_as_is_said(monkeypatch):
    seen = []

    def told(x):
        seen.append(tuple(x.shape))
        return x.mean(dim=1, keepdim=True)

    monkeypatch.setattr(depth_hint, "open_depth", lambda: told)
    make_hint("depth:32", ball(64).resize((128, 64)))
    make_hint("depth:32", ball(64).resize((20, 64)))
    assert seen == [(1, 3, 16, 32), (1, 3, 32, 10)]


def test_its_setting_is_the_side_that_is_looked_at():
    assert known_hint("depth:64") == known_hint("depth:side=64") == "depth"
    assert known_hint("depth:128") == "depth:side=128"
    image = ball(64)
    assert make_hint("depth:64", image) == make_hint("depth", image)
    assert make_hint("depth:32", image) != make_hint("depth", image)
    for wrong in ("depth:0", "depth:5000", "depth:far"):
        with pytest.raises(BadValue):
            known_hint(wrong)
