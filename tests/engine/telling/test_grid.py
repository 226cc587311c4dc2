"""The labelled grid: where each picture lies, and that its pixels are not touched."""

import numpy as np
import pytest
from PIL import Image

from mezzotint.engine.telling.grid import grid
from mezzotint.values.errors import BadValue


def picture(colour, size=(128, 128)):
    return Image.new("RGB", size, colour)


def test_pictures_lie_in_rows_over_their_labels():
    page = grid([(picture(c), c) for c in ("red", "green", "blue")], "three colours")
    assert page.size == (2 * 136 + 8, 28 + 2 * 156)
    assert page.getpixel((8, 28)) == (255, 0, 0)
    assert page.getpixel((8 + 136, 28)) == (0, 128, 0)
    assert page.getpixel((8, 28 + 156)) == (0, 0, 255)
    assert page.getpixel((8 + 136, 28 + 156)) == (255, 255, 255)


def test_labels_and_title_are_drawn():
    def ink(*arguments):
        return int((np.asarray(grid(*arguments)) < 128).any(axis=2).sum())

    assert ink([(picture("white"), "seed 1")]) > 20
    assert ink([(picture("white"), "")]) == 0
    assert ink([(picture("white"), "")], "a title") > 20


def test_small_pictures_grow_by_whole_factors():
    small = Image.effect_noise((48, 48), 90).convert("RGB")
    page = grid([(small, "x")])
    shown = page.crop((8, 8, 8 + 144, 8 + 144))
    assert shown.reduce(3).tobytes() == small.tobytes()


def test_long_labels_are_cut_to_the_width():
    page = grid([(picture("black"), "word " * 100)], "title " * 100)
    edge = np.asarray(page)[:, -7:]
    assert edge.min() == 255


def test_the_number_of_columns_can_be_chosen():
    assert grid([(picture("red"), "")] * 3, columns=3).size[0] == 3 * 136 + 8


@pytest.mark.parametrize("cells", [[], [(picture("red"), ""), (picture("red", (64, 64)), "")]])
def test_what_cannot_be_laid_out_is_refused(cells):
    with pytest.raises(BadValue):
        grid(cells)
