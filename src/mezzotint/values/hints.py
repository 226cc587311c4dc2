"""The settings of the built-in hints: what is made of a picture for a ControlNet to follow, and its limits.

Takes plain values or JSON, gives frozen objects. Lengths are pixels of the hint. Knows no picture.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from mezzotint.values.errors import BadValue
from mezzotint.values.value import POSITIVE_ZERO, Value

Level = Annotated[int, Field(ge=0, le=255)]
"""A difference in levels of 8 bits."""
Steepness = Annotated[int, Field(ge=0, le=2040)]
"""A gradient as Sobel's 3 x 3 filter gives it for 8 bits, |x| + |y|: at most 2 * 4 * 255."""
Blurring = Annotated[float, Field(ge=0.1, le=50)]
"""The sigma of a Gaussian."""
Either = TypeVar("Either", bound=Value)


def _ordered(value: Either, low: int, high: int) -> Either:
    if low > high:
        raise BadValue("low", f"{low} is above high, {high}", "put the smaller one first")
    return value


class Canny(Value):
    """Edges, thin and sharp: gradients above `high`, and those above `low` that touch them (Canny 1986)."""

    kind: Literal["canny"] = "canny"
    low: Steepness = 100
    high: Steepness = 200

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _ordered(self, self.low, self.high)


class Scribble(Value):
    """Thick strokes, as a hand draws them: the edges of the blurred picture, `width` wide."""

    kind: Literal["scribble"] = "scribble"
    sigma: Blurring = 2.0
    low: Steepness = 40
    high: Steepness = 80
    width: Annotated[int, Field(ge=1, le=64)] = 6

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        return _ordered(self, self.low, self.high)


class ScribbleXdog(Value):
    """Blots where the picture is darker than what is around it, by more than half of `threshold`."""

    kind: Literal["scribble-xdog"] = "scribble-xdog"
    threshold: Level = 32


class Lineart(Value):
    """Soft lines where the picture is darker than its blur; `floor` is the difference that is taken for grain."""

    kind: Literal["lineart"] = "lineart"
    sigma: Blurring = 6.0
    floor: Level = 8


class Lines(Value):
    """Straight lines, at least `shortest` long, as a share of the longer side; for rooms and buildings."""

    kind: Literal["lines"] = "lines"
    shortest: Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1)] = 0.04


class SoftEdge(Value):
    """Soft edges of things, found by a network (HED)."""

    kind: Literal["soft-edge"] = "soft-edge"


class Tile(Value):
    """The picture with its detail gone: made `down` times smaller and large again (1 leaves it as it is)."""

    kind: Literal["tile"] = "tile"
    down: Annotated[float, Field(ge=1, le=64)] = 4.0


class Blur(Value):
    """The picture through a Gaussian blur."""

    kind: Literal["blur"] = "blur"
    sigma: Blurring = 9.0


class Colour(Value):
    """A mosaic: the mean colour of each square of `cell` pixels."""

    kind: Literal["colour"] = "colour"
    cell: Annotated[int, Field(ge=1, le=4096)] = 64


class Shuffle(Value):
    """The picture's colours in other shapes: bent by noise of `cell` pixels that `seed` decides."""

    kind: Literal["shuffle"] = "shuffle"
    cell: Annotated[int, Field(ge=1, le=1024)] = 256
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0


class Invert(Value):
    """The negative: makes of a drawing, black on white, the hint of a line network."""

    kind: Literal["invert"] = "invert"


class Normal(Value):
    """Directions of surfaces from a depth picture (near is bright).

    What is darker than `background`, a share of its range, is flat. The larger `flatness`, the less a slope shows.
    `smooth` blurs away the steps that depth has in 8 bits; the published annotator has none to blur (0).
    """

    kind: Literal["normal"] = "normal"
    background: Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1)] = 0.1
    flatness: Annotated[float, Field(ge=0.01, le=1000)] = 6.28
    smooth: Annotated[float, POSITIVE_ZERO, Field(ge=0, le=50)] = 2.0


class Depth(Value):
    """How near everything is, near is white. The network looks at the picture with a longer side of `side` pixels; it
    was taught on drawings of 64."""

    kind: Literal["depth"] = "depth"
    side: Annotated[int, Field(ge=16, le=512)] = 64


KINDS: Mapping[str, type[Value]] = MappingProxyType(
    {
        kind.model_fields["kind"].default: kind
        for kind in (
            Canny,
            Scribble,
            ScribbleXdog,
            Lineart,
            Lines,
            SoftEdge,
            Tile,
            Blur,
            Colour,
            Shuffle,
            Invert,
            Normal,
            Depth,
        )
    }
)
"""The settings by the name of their hint."""
