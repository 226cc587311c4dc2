"""Plots: which recipes they hold, what is drawn once, how they are laid out, and how far cells are from the end."""

import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mezzotint.engine.composing.compose import compose_flat
from mezzotint.engine.engine import Engine
from mezzotint.evaluate import plot as module
from mezzotint.evaluate.convergence import FLOOR, chart, curves, distance, table
from mezzotint.evaluate.page import page
from mezzotint.evaluate.plot import make_plot, references, shared_settings
from mezzotint.evaluate.sheet import LARGEST, MOST_PIXELS, sheet
from mezzotint.values.axes import Axis, parse_axis
from mezzotint.values.errors import BadValue
from mezzotint.values.events import Drawn
from mezzotint.values.metadata import read

FLAT = {"prompt": "a <b>red</b> apple", "model": "toy", "seed": 5, "width": 32, "height": 32}
AXES = [parse_axis("x", "steps=1,2,3", []), parse_axis("y", "sampler=euler,ddim", [])]


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def plot(engine, tmp_path_factory):
    made = make_plot(FLAT, AXES, compose_flat, tmp_path_factory.mktemp("plot"))
    ends = references(made, 6)
    for _ in made.draw(engine, made.missing([*made.recipes.values(), *ends.values()])):
        pass
    return made


def test_cells_are_the_recipes_that_one_would_compose(plot):
    assert list(plot.recipes) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert plot.recipes[1, 1] == compose_flat({**FLAT, "steps": 2, "sampler": "ddim"})


def test_every_picture_is_kept_with_its_recipe_and_drawn_once(plot, engine):
    for recipe in plot.recipes.values():
        assert read(plot.file(recipe)).recipe == recipe
        drawn = [e.picture.image for e in engine.run(recipe) if isinstance(e, Drawn)]
        assert plot.picture(recipe).tobytes() == drawn[0].tobytes()
    assert plot.missing(plot.recipes.values()) == []


def test_what_is_lost_damaged_or_of_another_version_is_drawn_again(plot, engine, tmp_path, monkeypatch):
    copy = make_plot(FLAT, AXES, compose_flat, tmp_path)
    first, second, third, *_ = recipes = list(copy.recipes.values())
    assert copy.missing([first, first, second]) == [first, second]
    run = copy.draw(engine, recipes)
    while not copy.file(second).exists():
        next(run)
    run.close()
    assert copy.missing(recipes) == recipes[2:]
    copy.file(third).write_bytes(b"no picture")
    copy.file(second).write_bytes(copy.file(first).read_bytes())
    assert copy.missing(recipes) == recipes[1:]
    monkeypatch.setattr(module, "__version__", "0")
    assert copy.missing(recipes) == recipes


def test_convergence_is_the_distance_to_many_steps(plot):
    found = curves(plot, references(plot, 6))
    assert list(found) == ["euler", "ddim"]
    assert list(found["euler"]) == [1, 2, 3]
    near = plot.picture(plot.recipes[2, 0])
    end = plot.picture(references(plot, 6)[2, 0])
    assert found["euler"][3] == distance(near, end) > 0
    assert set(curves(plot, plot.recipes)["euler"].values()) == {0.0}
    assert table({"a": {1: 2.0, 3: 4.25}, "long": {1: 0.0}}) == "a     1: 2.0  3: 4.2\nlong  1: 0.0"


def test_distances_have_closed_forms():
    black, grey = Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), (3, 3, 3))
    assert distance(black, grey) == 3
    assert distance(black, Image.new("RGB", (4, 4), (3, 0, 0))) == pytest.approx(3 / 3**0.5)
    assert distance(black, Image.new("RGB", (8, 4))) == 255


def test_a_line_without_other_axes_has_the_name_of_the_sampler(plot):
    alone = make_plot({**FLAT, "sampler": "euler"}, AXES[:1], compose_flat, plot.folder)
    assert list(curves(alone, references(alone, 6))) == ["euler"]


def test_the_chart_shows_equal_pictures_too():
    image = chart({"a": {1: 10.0, 2: 1.0}, "b": {1: 20.0, 2: 0.0}}, 200, "a $ title " * 20)
    assert image.mode == "RGB" and image.width > 600
    assert np.asarray(image).std() > 5
    assert FLOOR < 1 / 3


def test_without_steps_nothing_converges(plot):
    other = make_plot({**FLAT, "steps": 1}, AXES[1:], compose_flat, plot.folder)
    with pytest.raises(BadValue, match="converge: needs an axis of steps"):
        references(other, 6)


def test_what_is_shared_is_said(plot):
    spacing = plot.recipes[0, 0].passes[0].spacing
    guidance = plot.recipes[0, 0].passes[0].guides[0].scale
    assert shared_settings(plot) == f"toy, 32x32, {spacing}, guidance {guidance:g}, seed 5"


COLOURS = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (255, 0, 255),
    (90, 0, 0),
    (0, 90, 0),
]


def test_columns_rows_and_blocks_of_a_sheet():
    axes = [Axis("steps", (1, 2)), Axis("seed", (3, 4)), Axis("guidance", (5.0, 6.0))]
    image = sheet(axes, lambda c: Image.new("RGB", (128, 64), COLOURS[c[0] + 2 * c[1] + 4 * c[2]]), "t", "s")
    array = np.asarray(image).astype(int)
    centres = [
        tuple(np.argwhere((array == colour).all(axis=2)).mean(axis=0).round()) for colour in COLOURS
    ]  # row, column
    for number, (row, column) in enumerate(centres):
        x, y, z = number % 2, number // 2 % 2, number // 4
        for other, (row2, column2) in enumerate(centres):
            x2, y2, z2 = other % 2, other // 2 % 2, other // 4
            assert (row < row2) == ((z, y) < (z2, y2))
            assert (column < column2) == (x < x2)


@pytest.mark.parametrize(
    ("size", "count", "wide"),
    [((32, 16), 3, 128), ((512, 512), 3, 512), ((2048, 1024), 2, LARGEST), ((1024, 1024), 100, None)],
)
def test_pictures_on_a_sheet_are_enlarged_or_made_smaller(size, count, wide):
    picture = Image.new("RGB", size, (255, 0, 0))
    image = sheet([Axis("seed", tuple(range(count)))], lambda cell: picture, "title", "settings")
    assert image.width * image.height < 1.6 * MOST_PIXELS
    row = (np.asarray(image)[-60] == (255, 0, 0)).all(axis=1).sum()
    assert wide is None or row == count * wide


def test_pictures_of_several_sizes_lie_in_the_middle_of_their_cells():
    sizes = [(64, 128), (128, 64)]
    image = sheet(
        [Axis("seed", (1, 2))], lambda cell: Image.new("RGB", sizes[cell[0]], (255, 0, 0)), "t", "s"
    )
    found = (np.asarray(image) == (255, 0, 0)).all(axis=2)
    assert found.sum() == 2 * 64 * 128


def test_long_labels_are_wrapped_and_cut():
    words = " ".join(["incomprehensibilities"] * 40)
    axes = [Axis("prompt", (words, "b")), Axis("negative", (words, "d"))]
    image = sheet(axes, lambda cell: Image.new("RGB", (64, 64)), words, words)
    assert image.width < 600


class Pictures(HTMLParser):
    """Every tag of a page, and what lies in its scripts."""

    def __init__(self):
        super().__init__()
        self.tags, self.images, self.scripts = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img" and dict(attrs).get("src"):
            self.images.append(dict(attrs))

    def handle_data(self, data):
        if self.tags[-1:] == ["script"]:
            self.scripts.append(data)


def test_the_page_holds_pictures_recipes_and_nothing_from_elsewhere(plot, tmp_path):
    text = page(plot, FLAT["prompt"], Image.new("RGB", (4, 4)))
    found = Pictures()
    found.feed(text)
    assert "b" not in found.tags and "&lt;b&gt;red" in text
    assert [image["alt"] for image in found.images[:2]] == ["steps 1, euler", "steps 2, euler"]
    assert len(found.images) == 7 and found.images[-1]["alt"] == "convergence"
    for image, recipe in zip(found.images, plot.recipes.values(), strict=False):
        data = b64decode(image["src"].removeprefix("data:image/png;base64,"))
        (tmp_path / "saved.png").write_bytes(data)
        assert read(tmp_path / "saved.png").recipe == recipe
    recipes = [type(recipe).from_json(json.dumps(one)) for recipe, one in zip(
        plot.recipes.values(), json.loads(found.scripts[0]), strict=True)]  # fmt: skip
    assert recipes == list(plot.recipes.values())
    assert not re.search(r"https?:|src=\"(?!data:)|url\(", text)


def test_a_page_of_one_and_of_three_axes(plot):
    third = Axis("seed", (5, 6))
    one = make_plot({**FLAT, "sampler": "euler"}, AXES[:1], compose_flat, plot.folder)
    text = page(one, "t", None)
    assert text.count("<table>") == 1
    assert not re.search('scope="row"|convergence', text)
    flat = {**FLAT, "sampler": "euler", "steps": 1}
    cube = make_plot(flat, [AXES[0], AXES[1], third], compose_flat, plot.folder)
    for recipe in cube.missing(cube.recipes.values()):
        buffer = BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, "PNG")
        cube.file(recipe).write_bytes(buffer.getvalue())
    text = page(cube, "t", None)
    assert text.count("<table>") == 2
    assert re.findall("<h2>(.*?)</h2>", text) == ["seed 5", "seed 6"]
