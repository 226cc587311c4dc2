"""Where pictures go: names made from the prompt, numbered so that no file is lost.

Takes what the user gave for --output, gives an `Output` with a free name for each picture. Finds out before drawing
whether the folder can be written to. Writes nothing.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from mezzotint.values.errors import BadValue, OutputFailed, shorten

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_LONGEST = 48


@dataclass(frozen=True)
class Output:
    """The files of one command: `pictures` in order, and `grid` for all of them together when there are several.

    `moved` tells that the name the user gave was taken, so that the number in the new one is no surprise.
    """

    pictures: tuple[Path, ...]
    grid: Path | None
    moved: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are written."""
        return (*self.pictures, *([self.grid] if self.grid else []))


def output(given: Path | None, prompt: str, overwrite: bool, count: int) -> Output:
    """Free names for `count` pictures. Raises BadValue for an unknown kind of file, OutputFailed for a folder that
    is not there or cannot be written to."""
    path = given if given is not None else Path(f"{slug(prompt)}.png")
    if path.is_dir():
        path = path / f"{slug(prompt)}.png"
    check_kind(path)
    writable(path.parent)
    number = 1
    while True:
        found = _numbered(path, number, count)
        if overwrite or not any(p.exists() for p in found.files):
            return found
        number += 1


def check_kind(path: Path) -> None:
    """Raises BadValue for a name that ends like no picture that can be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise BadValue(
            "output",
            f"'{shorten(path.name)}' is no kind of picture that can be written",
            f"end it in {', '.join(SUFFIXES)}",
        )


def slug(prompt: str) -> str:
    """The prompt as a file name without its ending: lower-case words with dashes, `picture` when none is left."""
    words = re.sub(r"[^\w]+", "-", prompt.lower(), flags=re.ASCII).strip("-_")
    return words[:_LONGEST].rstrip("-_") or "picture"


def _numbered(path: Path, number: int, count: int) -> Output:
    stem = path.stem if number == 1 else f"{path.stem}-{number}"
    if count == 1:
        return Output((path.with_name(stem + path.suffix),), None, number > 1)
    pictures = tuple(path.with_name(f"{stem}-{i}{path.suffix}") for i in range(1, count + 1))
    return Output(pictures, path.with_name(f"{stem}-grid{path.suffix}"), number > 1)


def writable(folder: Path) -> None:
    """Raises OutputFailed for a folder that is not there or that this user may not write to."""
    if not folder.is_dir():
        raise OutputFailed(folder, "no such folder", "make it first, or choose another one with --output")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputFailed(folder, "the folder cannot be written to", "choose another one with --output")
