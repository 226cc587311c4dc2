"""New space around a picture whose sides a model cannot draw: it is drawn a little larger, and cut off again.

Takes the size of a picture, its source and the size of the drawing. Gives a `Room`, in which every pixel of the picture
stays what it is. Knows no network.
"""

import math
from dataclasses import dataclass

from PIL import Image

from mezzotint.engine import raster
from mezzotint.families.family import Family
from mezzotint.values.photo import Photo
from mezzotint.values.source import Source

EVERY = 8
"""What the sides of every recipe are multiples of, in pixels."""
Size = tuple[int, int]
"""Width and height in pixels."""


def every(family: Family) -> int:
    """What the sides of a drawing of this family are multiples of, in pixels."""
    return math.lcm(family.multiple, EVERY)


@dataclass(frozen=True)
class Room:
    """A `source` with more new space on the sides that have some; `idle` columns to the right and rows below a picture
    that gets no new space along that axis; and what is to be seen of it in the end, `shown`."""

    source: Source
    idle: Size
    shown: raster.Box

    def photo(self, photo: Photo) -> Photo:
        """The picture with the idle pixels, of the colours of its edge."""
        sides = (0, 0, *self.idle)
        alpha = None if photo.alpha is None else raster.extended(photo.alpha, sides)
        return Photo(raster.extended(photo.image, sides), alpha)

    def mask(self, mask: Image.Image) -> Photo:
        """The mask (L) of the picture with the idle pixels, where nothing is drawn."""
        whole = Image.new("L", (mask.width + self.idle[0], mask.height + self.idle[1]))
        whole.paste(mask)
        return Photo(whole.convert("RGB"))


def room_for(source: Source, picture: Size, size: Size, step: int) -> Room | None:
    """The room for a `picture` that gets new space and is drawn at `size`, which is a multiple of `step`.

    None where it fits as it is, and where the drawing is of another scale. A drawing is of the same scale when it is
    larger than the picture with its space by less than a `step`.
    """
    if not source.extended or (source.mask is not None and source.mask.area == "masked"):
        return None
    sides, idle, start = list(source.extend), [0, 0], [0, 0]
    whole = [picture[axis] + sides[axis] + sides[axis + 2] for axis in (0, 1)]
    spare = [size[axis] - whole[axis] for axis in (0, 1)]
    if not any(spare) or not all(0 <= one < step for one in spare):
        return None
    for axis, one in enumerate(spare):
        if sides[axis + 2]:
            sides[axis + 2] += one
        elif sides[axis]:
            sides[axis] += one
            start[axis] = one
        else:
            idle[axis] = one
    left, top = start
    wider = source.model_copy(update={"extend": tuple(sides)})
    return Room(wider, (idle[0], idle[1]), (left, top, left + whole[0], top + whole[1]))
