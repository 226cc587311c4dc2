"""A picture with the recipe that made it.

Takes an RGB or RGBA image, its Recipe and the facts of the run. Gives one file that holds all three. Knows nothing
of how the picture was drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from PIL.Image import Image

from mezzotint.values.errors import BadValue, shorten
from mezzotint.values.facts import RunFacts
from mezzotint.values.files import write_atomically
from mezzotint.values.metadata import write
from mezzotint.values.recipe import Recipe

__all__ = ["FORMATS", "Picture", "RunFacts", "format_of"]

FORMATS: Mapping[str, str] = MappingProxyType(
    {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
)
"""File name endings that a picture can be saved under."""


def format_of(path: Path) -> str:
    """The format that the ending of `path` asks for. Raises `BadValue` for any other ending."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise BadValue("output", f"cannot save a picture as '{shorten(ending)}'", f"use {', '.join(FORMATS)}")
    return FORMATS[ending]


@dataclass(frozen=True)
class Picture:
    """One finished picture: `image` (8 bits, RGB, or RGBA where a source was transparent), the recipe it
    follows and the facts of its run."""

    image: Image
    recipe: Recipe
    facts: RunFacts

    def save(self, path: Path | str) -> None:
        """Write the picture with its recipe inside, in the format of the ending, completely or not at all.

        Raises `BadValue` for an unknown ending or a recipe that the format cannot hold, `OutputFailed` when the
        system refuses.
        """
        target = Path(path)
        form = format_of(target)
        write_atomically(target, lambda file: write(self.image, file, self.recipe, self.facts, form))
