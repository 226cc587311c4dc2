"""A hint with its settings, as people choose it: `canny`, `canny:50,120`, `canny:low=50`.

Takes text and a picture, gives the hint's picture. A hint is computed at the size of the picture that it is given:
who wants it at the size of the drawing makes the picture so large first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from mezzotint.hints.outside import failure, load, offered
from mezzotint.hints.registry import HINTS, Hint
from mezzotint.values.errors import BadPackage, BadValue, MezzotintError, UnknownName
from mezzotint.values.value import Value
from mezzotint.values.worded import from_words, to_words

LEAST_SIDE, MOST_PIXELS = 8, 36_000_000
"""Of the pictures that hints are made of; the largest needs 3 GB and, for the widest blur, a minute."""


@dataclass(frozen=True)
class Chosen:
    """The hint `name` with its `options`; `package` is the one it is from, None for a built-in one."""

    name: str
    hint: Hint[Any]
    options: Value
    package: str | None = None

    @property
    def text(self) -> str:
        """As `chosen` reads it."""
        return to_words(self.name, self.options)

    def of(self, image: Image.Image) -> Image.Image:
        """The hint of a picture RGB, RGB and of the same size.

        Raises BadValue for a picture that is too large or too small, MissingExtra for an optional package that is not
        installed, BadPackage where the code of another package fails.
        """
        _check_picture(image)
        if self.package is None:
            return self.hint.make(image, self.options)
        try:
            made = self.hint.make(image, self.options)
        except MezzotintError:
            raise
        except Exception as error:  # another package's code may raise anything
            raise BadPackage(self.package, f"its hint '{self.name}' {failure(error)}") from error
        if not _is_picture(made, image.size):
            raise BadPackage(
                self.package, f"its hint '{self.name}' is no picture RGB of the size it was given"
            )
        return made


def chosen(text: str, known: Mapping[str, Hint[Any]] = HINTS) -> Chosen:
    """The hint that `text` says, one of those `known` or of another package.

    Raises UnknownName and BadValue, naming the hint and the setting, and BadPackage.
    """
    name, _, rest = text.partition(":")
    if name in known:
        hint, package = known[name], None
    else:
        packages = offered()
        if name not in packages:
            raise UnknownName("hint", name, (*known, *packages))
        hint, package = load(name), packages[name]
    return Chosen(name, hint, from_words("hint", name, rest, hint.options), package)


def _is_picture(made: object, size: tuple[int, int]) -> bool:
    return isinstance(made, Image.Image) and made.mode == "RGB" and made.size == size


def _check_picture(image: Image.Image) -> None:
    width, height = image.size
    if image.mode != "RGB":
        raise BadValue("picture", f"is {image.mode}", "convert it to RGB")
    if min(image.size) < LEAST_SIDE:
        raise BadValue("picture", f"is {width}x{height}", f"use sides of {LEAST_SIDE} pixels or more")
    if width * height > MOST_PIXELS:
        most = f"use at most {MOST_PIXELS // 1_000_000} million pixels"
        raise BadValue("picture", f"is {width}x{height}", f"{most}, best the size of the drawing")
