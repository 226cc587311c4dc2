"""The checks on pictures, against pictures whose truth is drawn by hand."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from mezzotint.evaluate.answers import colour_of, content, fitted, halves, in_order, psnr
from mezzotint.train.data.colours import GROUNDS
from mezzotint.train.data.scenes import Scene

PURE = {"red": (214, 30, 30), "green": (40, 160, 60), "blue": (40, 90, 220), "yellow": (250, 215, 40)}


def _disc(
    colour: tuple[int, int, int], ground: str = "white", box: tuple[int, ...] = (16, 16, 48, 48)
) -> Image.Image:
    image = Image.new("RGB", (64, 64), GROUNDS[ground])
    ImageDraw.Draw(image).ellipse(box, fill=colour)
    return image


@pytest.mark.parametrize("word", PURE)
@pytest.mark.parametrize("ground", ["white", "black", "grey"])
def test_the_colour_is_that_of_the_thing_and_not_of_the_ground(word: str, ground: str) -> None:
    assert colour_of(_disc(PURE[word], ground)) == word


def test_an_empty_picture_has_no_content() -> None:
    empty = Image.new("RGB", (64, 64), "white")
    assert not content(empty).any()
    assert colour_of(empty) == "white"
    assert fitted(empty).getcolors() == [(64 * 64, (255, 255, 255))]


def test_halves_hold_the_thing_of_their_side() -> None:
    image = Image.new("RGB", (64, 64), "white")
    image.paste(PURE["red"], (4, 20, 28, 44))
    image.paste(PURE["blue"], (36, 20, 60, 44))
    first, second = halves(image, Scene("pair", (), relation="left"))
    assert (colour_of(first), colour_of(second)) == ("red", "blue")
    turned = image.transpose(Image.Transpose.ROTATE_270)
    first, second = halves(turned, Scene("pair", (), relation="above"))
    assert (colour_of(first), colour_of(second)) == ("red", "blue")


def test_fitting_fills_the_square_and_keeps_the_shape() -> None:
    wide = Image.new("RGB", (64, 64), "white")
    wide.paste((0, 0, 0), (10, 30, 50, 40))
    rows, columns = (np.flatnonzero(content(fitted(wide)).any(axis)) for axis in (1, 0))
    assert (columns[0], columns[-1]) == (4, 59)
    assert len(rows) == pytest.approx(56 * 10 / 40, abs=2)


def test_order_is_judged_against_the_exchanged_pair() -> None:
    left, right = torch.tensor([0.9, 0.1, 0.0]), torch.tensor([0.2, 0.3, 0.5])
    assert in_order(left, right, (0, 1))
    assert not in_order(right, left, (0, 1))


def test_psnr_of_a_known_error() -> None:
    a = torch.zeros(2, 3, 4, 4)
    assert psnr(a, a + 0.1).tolist() == pytest.approx([20.0, 20.0], abs=1e-4)
