"""Makes training samples: a picture, its caption, and the truth about it, from sprites and a number.

Takes loaded sprites, a seed and an index. Gives H W 3 uint8 pictures of any size; the same (seed, index) gives the
same sample on every machine and in any order. Does not know networks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mezzotint.train.data.captions import caption
from mezzotint.train.data.colours import GROUNDS, PAINTS, has, recoloured
from mezzotint.train.data.raster import Pixels
from mezzotint.train.data.scenes import Scene, Thing, draw_scene
from mezzotint.train.data.sprites import Sprites

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the picture; right and bottom are outside."""


@dataclass(frozen=True)
class Sample:
    """One training sample. `boxes` are the squares of all drawn `things`, in the order they are named in `scene`; of
    things that overlap the later one lies on top."""

    image: Pixels
    caption: str
    scene: Scene
    boxes: tuple[Box, ...]

    @property
    def things(self) -> tuple[Thing, ...]:
        """What is drawn in each of the boxes."""
        return drawn_things(self.scene)


def sample(sprites: Sprites, seed: int, index: int, size: int = 64, *, held: bool = False) -> Sample:
    """Sample `index` of the endless stream `seed`, at `size` pixels.

    With `held` only combinations that training never shows. Raises DataProblem when there are none.
    """
    random = np.random.default_rng((seed, index, int(held)))
    scene = draw_scene(random, sprites, held=held)
    words = caption(scene, random)
    image, boxes = render(scene, random, size)
    return Sample(image, words, scene, boxes)


def samples(sprites: Sprites, seed: int, size: int = 64, start: int = 0) -> Iterator[Sample]:
    """The endless stream `seed` of samples, from index `start` on."""
    index = start
    while True:
        yield sample(sprites, seed, index, size)
        index += 1


def render(scene: Scene, random: np.random.Generator, size: int) -> tuple[Pixels, tuple[Box, ...]]:
    """Draws a scene at `size` pixels; `random` decides scale and place within what the scene says."""
    canvas = Image.new("RGB", (size, size), GROUNDS[scene.ground or "white"])
    boxes = _boxes(scene, random, size)
    pictures: dict[int, Image.Image] = {}
    for thing, box in zip(drawn_things(scene), boxes, strict=True):
        side = box[2] - box[0]
        if id(thing) not in pictures:
            pictures[id(thing)] = picture_of(thing, side)
        canvas.paste(pictures[id(thing)], box[:2], pictures[id(thing)].getchannel("A"))
    return np.array(canvas), boxes


def drawn_things(scene: Scene) -> tuple[Thing, ...]:
    """Every thing that is drawn, a counted one as often as it is counted."""
    return scene.things * scene.count if len(scene.things) == 1 else scene.things


def picture_of(thing: Thing, side: int) -> Image.Image:
    """A thing in its colour, RGBA, as it is pasted into a picture."""
    pixels = thing.sprite.pixels
    hue = thing.sprite.hue
    colour = thing.colour
    if colour is not None and colour in PAINTS and hue.degrees is not None and not has(hue, colour):
        pixels = recoloured(pixels, hue.degrees, PAINTS[colour])
    image = Image.fromarray(pixels, "RGBA")
    if image.width == side:
        return image
    small = image.convert("RGBa").resize((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return small.convert("RGBA")


def _boxes(scene: Scene, random: np.random.Generator, size: int) -> tuple[Box, ...]:
    """One square for each thing that is drawn."""
    if scene.relation is not None:
        side = round(size * random.uniform(0.45, 0.5))
        across = scene.relation != "above"
        return tuple(_in_cell(random, size, side, cell) for cell in _row(2, across=across))
    if scene.count > 1:
        cells = _grid(scene.count, random)
        side = round(size * random.uniform(0.92, 1.0) * min(right - left for left, _, right, _ in cells))
        return tuple(_in_cell(random, size, side, cell) for cell in cells)
    low, high = {"small": (0.34, 0.48), "large": (0.98, 1.0), None: (0.80, 0.95)}[scene.extent]
    side = round(size * random.uniform(low, high))
    return (_in_cell(random, size, side, (0.0, 0.0, 1.0, 1.0)),)


Cell = tuple[float, float, float, float]


def _row(count: int, *, across: bool) -> Sequence[Cell]:
    """Equal cells beside each other (`across`) or one above the other, in the middle of the picture."""
    half = 0.5 / count
    line = [(i / count, 0.5 - half, (i + 1) / count, 0.5 + half) for i in range(count)]
    return line if across else [(top, left, bottom, right) for left, top, right, bottom in line]


def _grid(count: int, random: np.random.Generator) -> Sequence[Cell]:
    """Cells for 2 to 4 equal things: a row, or for 3 a triangle and for 4 a square."""
    if count == 2:
        return _row(2, across=random.random() < 0.8)
    if count == 3 and random.random() < 0.4:
        return _row(3, across=True)
    top = [(0.0, 0.0, 0.5, 0.5), (0.5, 0.0, 1.0, 0.5)]
    bottom = [(0.0, 0.5, 0.5, 1.0), (0.5, 0.5, 1.0, 1.0)]
    if count == 4:
        return [*top, *bottom]
    middle = [(0.25, 0.0, 0.75, 0.5)]
    return [*middle, *bottom] if random.random() < 0.5 else [*top, (0.25, 0.5, 0.75, 1.0)]


def _in_cell(random: np.random.Generator, size: int, side: int, cell: Cell) -> Box:
    """A square of `side` pixels near the middle of a cell, all inside the picture."""
    left, top, right, bottom = cell
    slack = max(0.0, (right - left) * size - side) / 2
    x = (left + right) * size / 2 - side / 2 + random.uniform(-slack, slack) * 0.6
    y = (top + bottom) * size / 2 - side / 2 + random.uniform(-slack, slack) * 0.6
    x0, y0 = (min(max(round(place), 0), size - side) for place in (x, y))
    return x0, y0, x0 + side, y0 + side
