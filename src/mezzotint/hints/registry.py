"""The built-in hints by name, and the type that each of them is; hints of other packages are of the same type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from PIL import Image

from mezzotint.hints import areas, lines, relief, soft_edge
from mezzotint.values import hints
from mezzotint.values.value import Value

Options = TypeVar("Options", bound=Value)


@dataclass(frozen=True)
class Hint(Generic[Options]):
    """`make` takes a picture RGB and options, and gives a picture RGB of the same size, always the same one.

    `options` is the type of its settings, all of them with defaults; `help` says in a few words what it gives and from
    what.
    """

    make: Callable[[Image.Image, Options], Image.Image]
    options: type[Options]
    help: str


HINTS: Mapping[str, Hint[Any]] = MappingProxyType(
    {
        "canny": Hint(lines.canny, hints.Canny, "thin edges"),
        "scribble": Hint(lines.scribble, hints.Scribble, "thick strokes along the edges"),
        "scribble-xdog": Hint(lines.scribble_xdog, hints.ScribbleXdog, "blots where it is dark"),
        "lineart": Hint(lines.lineart, hints.Lineart, "soft lines where it is dark"),
        "lines": Hint(lines.straight_lines, hints.Lines, "straight lines, for rooms and buildings"),
        "soft-edge": Hint(soft_edge.soft_edge, hints.SoftEdge, "soft edges of things, by a network"),
        "tile": Hint(areas.tile, hints.Tile, "the picture without its detail"),
        "blur": Hint(areas.blur, hints.Blur, "the picture, blurred"),
        "colour": Hint(areas.colour, hints.Colour, "a mosaic of mean colours"),
        "shuffle": Hint(areas.shuffle, hints.Shuffle, "its colours in other shapes"),
        "invert": Hint(areas.invert, hints.Invert, "the negative: lines of a drawing on paper"),
        "normal": Hint(relief.normal, hints.Normal, "directions of surfaces, from a depth picture"),
    }
)
