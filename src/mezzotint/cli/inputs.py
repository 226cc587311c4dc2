"""The pictures that a command works on, and the files that it may write beside them.

Takes the words of a command: files, folders and patterns, and at the end a prompt. Gives the pictures in order and a
file to write for each, which is never one of the pictures. Opens and writes nothing.
"""

import glob
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mezzotint.cli.flags import WrongUse
from mezzotint.cli.output import SUFFIXES, writable
from mezzotint.values.errors import BadPicture, BadValue, shorten

PICTURES = (*SUFFIXES, ".tif", ".tiff", ".bmp", ".gif", ".avif")
"""How the names of pictures end, as far as a folder is searched for them."""


@dataclass(frozen=True)
class Inputs:
    """The `pictures`, the `prompt` behind them (None: there was none), and the `folder` when one folder was all.

    `several` tells that more than one picture was meant, however many there are.
    """

    pictures: tuple[Path, ...]
    prompt: str | None
    folder: Path | None
    several: bool


def inputs(words: Sequence[str]) -> Inputs:
    """What `words` name; the last one is the prompt when it is no picture. Raises WrongUse, BadPicture, BadValue."""
    if not words:
        raise WrongUse("PICTURE is missing", hint="name a picture, several, or a folder of pictures")
    prompt = words[-1] if len(words) > 1 and not _names_pictures(words[-1]) else None
    named = words if prompt is None else words[:-1]
    if "" in named:
        raise WrongUse(
            "the name of a picture is empty", hint="name a picture, several, or a folder of pictures"
        )
    found = tuple(dict.fromkeys(path for word in named for path in _expanded(word)))
    folder = Path(named[0]) if len(named) == 1 and Path(named[0]).is_dir() else None
    return Inputs(found, prompt or None, folder, len(named) > 1 or not Path(named[0]).is_file())


def _names_pictures(word: str) -> bool:
    return _exists(word) or Path(word).suffix.lower() in PICTURES or bool(_matches(word))


def _exists(word: str) -> bool:
    try:
        return bool(word) and Path(word).exists()  # a path without a name is the folder one is in
    except (OSError, ValueError):  # a long prompt is no name at all
        return False


def _matches(word: str) -> list[Path]:
    return sorted(map(Path, glob.glob(word))) if glob.has_magic(word) and "\0" not in word else []


def _expanded(word: str) -> Iterable[Path]:
    if not _exists(word):
        matched = [path for path in _matches(word) if path.is_file()]
        if not matched:
            hint = "check the path; a prompt is one word in quotes behind the pictures"
            raise BadPicture(word, "there is no such picture", hint)
        return matched
    path = Path(word)
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.iterdir() if one.is_file() and _is_picture(one))
    if not found:
        raise BadPicture(path, "there is no picture in this folder", "name another folder")
    return found


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def one_target(picture: Path, given: Path | None, ending: str) -> Path:
    """Where the new version of a single `picture` goes: `given`, or beside it with `ending` behind its name."""
    name = f"{picture.stem}-{ending}.png"
    if given is None:
        return picture.with_name(name)
    return given / name if given.is_dir() else given


def targets(found: Inputs, given: Path | None, ending: str) -> tuple[Path, ...]:
    """Where the new version of each picture goes: into the folder `given`, or into one beside the only folder, or
    beside each picture. The folder may be missing yet. Raises BadValue, OutputFailed."""
    if given is None and found.folder is None:
        return _apart(found.pictures, lambda one, stem: one.with_name(f"{stem}-{ending}.png"))
    folder = given if given is not None else _beside(found.folder or Path(), ending)
    if folder.suffix.lower() in SUFFIXES and not folder.is_dir():
        told = f"'{shorten(folder.name)}' is one picture, and several are to be written"
        raise BadValue("output", told, "name a folder")
    for picture in found.pictures:
        if folder.resolve() == picture.parent.resolve():
            told = f"{shorten(str(folder), 200)} is the folder of the pictures themselves"
            raise BadValue("output", told, "name another folder: no picture is written over")
    writable(folder if folder.exists() else folder.parent)
    return _apart(found.pictures, lambda one, stem: folder / f"{stem}.png")


def _apart(pictures: Sequence[Path], place: Callable[[Path, str], Path]) -> tuple[Path, ...]:
    """What `place` makes of each picture and a stem, a file of its own for each, also where capitals do not count: what
    the picture was, behind its name, tells those of one name apart, and then a number."""
    plain = [_folded(place(one, one.stem)) for one in pictures]
    made: dict[str, Path] = {}
    for one, name in zip(pictures, plain, strict=True):
        stem = one.stem if plain.count(name) == 1 else f"{one.stem}-{one.suffix[1:]}"
        file, number = place(one, stem), 1
        while _folded(file) in made:
            number += 1
            file = place(one, f"{stem}-{number}")
        made[_folded(file)] = file
    return tuple(made.values())


def _folded(file: Path) -> str:
    return str(file).casefold()


def _beside(folder: Path, ending: str) -> Path:
    """The folder next to `folder` that has its name and `ending`. Raises BadValue for a root, which has no name."""
    named = folder if folder.name not in ("", "..") else folder.resolve()
    if not named.name:
        raise BadValue("output", "is missing", "name the folder to write to with --output")
    return named.with_name(f"{named.name}-{ending}")


def spared(files: Iterable[Path], originals: Iterable[Path]) -> None:
    """Raises BadValue when one of `files`, which are to be written, is one of the `originals`."""
    kept = {original.resolve() for original in originals}
    for file in files:
        if file.resolve() in kept:
            told = f"{shorten(str(file), 200)} is a picture to start from, which is never written over"
            raise BadValue("output", told, "choose another name")


def companion(given: Path, picture: Path, what: str) -> Path:
    """What goes with `picture`, a mask or a picture of depth: `given` itself, or in a folder the one of its name.

    Raises BadPicture, which says `what` is missing."""
    if not given.is_dir():
        return given
    same = given / picture.name
    if same.is_file():
        return same
    near = sorted(one for one in given.iterdir() if one.stem == picture.stem and _is_picture(one))
    if not near:
        hint = f"put {shorten(picture.stem)}.png there"
        raise BadPicture(picture, f"there is no {what} of this name in {shorten(str(given), 200)}", hint)
    return near[0]
