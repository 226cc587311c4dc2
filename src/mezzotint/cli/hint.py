"""`mezzotint hint NAME PHOTO`: what a ControlNet follows, made from a picture and saved as PNG.

Any picture is read, and never written over; what is transparent in it counts as white.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from mezzotint.cli.flags import WrongUse
from mezzotint.cli.output import output
from mezzotint.cli.table import show
from mezzotint.engine.hinting import known_hint, make_hint
from mezzotint.engine.telling.hint_list import hint_list
from mezzotint.values.errors import BadValue, shorten
from mezzotint.values.files import write_atomically
from mezzotint.values.photo import LEAST_SIDE, read_photo

_WHITE = (255, 255, 255)
MOST_SIDE = 4096
"""As large as a drawing may be."""


def run(given: Mapping[str, Any]) -> int:
    """Makes and saves the hint, or prints the list. Raises MezzotintError."""
    if given["list"]:
        show(hint_list())
        return 0
    text, source = given["name"], given["file"]
    if text is None or source is None:
        missing = "NAME" if text is None else "FILE"
        raise WrongUse(f"{missing} is missing", hint="see `mezzotint hint --help`, or --list for the names")
    text = known_hint(text)
    target = _target(given["output"], source, text, given["overwrite"])
    photo = read_photo(source)
    made = make_hint(text, _sized(photo.over(_WHITE), given["side"]))
    write_atomically(target, lambda file: made.save(file, "PNG"))
    if not given["quiet"]:
        notes = "".join(f"; {note}" for note in photo.notes)
        print(f"{target}  {text}, {made.width}x{made.height}{notes}")
    return 0


def _sized(image: Image.Image, side: int | None) -> Image.Image:
    """The picture with a longer side of `side` pixels, or as it is. Raises BadValue."""
    if side is None:
        return image
    least = math.ceil(LEAST_SIDE * max(image.size) / min(image.size))
    if not least <= side <= MOST_SIDE:
        raise BadValue("side", f"{side} is out of range for this picture", f"use {least} to {MOST_SIDE}")
    share = side / max(image.size)
    width, height = (max(1, round(length * share)) for length in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _target(wanted: Path | None, source: Path, text: str, overwrite: bool) -> Path:
    """A free name. Raises BadValue for one that is no PNG or that is the picture itself."""
    target = output(wanted, f"{source.stem} {text.partition(':')[0]}", overwrite, 1).pictures[0]
    if target.suffix.lower() != ".png":
        raise BadValue(
            "output", f"'{shorten(target.name)}' is no PNG", "a hint has to be exact: end it in .png"
        )
    if target.exists() and source.exists() and target.samefile(source):
        raise BadValue("output", "is the picture itself", "choose another name")
    return target
