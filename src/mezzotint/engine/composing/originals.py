"""Finds the pictures that a recipe starts from again, wherever they lie now: by their hashes.

Takes a Recipe and the places to look in. Gives the Recipe with the paths where the pictures are. Opens no picture.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import cast

from mezzotint.engine.pictures import picture_hash, picture_path
from mezzotint.values.errors import BadPicture
from mezzotint.values.recipe import Recipe
from mezzotint.values.source import PictureUse
from mezzotint.values.value import Value


def found_again(recipe: Recipe, folder: Path, images: Sequence[Path] = ()) -> Recipe:
    """`recipe` with every picture where it was, or in `folder` under its name, or among `images`.

    Raises BadPicture, which says what file with which hash is missing.
    """

    return cast(Recipe, _moved(recipe, lambda use: _place(use, folder, images)))


def pictures_of(recipe: Recipe) -> set[Path]:
    """Every picture that a recipe names. Raises BadPicture."""
    return set(map(picture_path, _named(recipe)))


def _moved(value: object, place: Callable[[PictureUse], str]) -> object:
    """`value` with all pictures in it at other places; what names none comes back as it is."""
    if isinstance(value, PictureUse):
        return value.model_copy(update={"file": place(value)})
    if isinstance(value, tuple):
        return tuple(_moved(part, place) for part in cast(tuple[object, ...], value))
    if not isinstance(value, Value) or not any(_named(value)):
        return value
    return value.model_copy(update={name: _moved(part, place) for name, part in dict(value).items()})


def _named(value: object) -> Iterator[PictureUse]:
    if isinstance(value, PictureUse):
        yield value
    for part in _parts(value):
        yield from _named(part)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, Value):
        return dict(value).values()
    return cast(tuple[object, ...], value) if isinstance(value, tuple) else ()


def _place(use: PictureUse, folder: Path, images: Sequence[Path]) -> str:
    for path in _candidates(use, folder, images):
        if _is_it(path, use.sha256):
            return str(path)
    hint = "put it beside the picture, or name it with --image"
    if use.sha256 is None:
        raise BadPicture(use.file, "this picture is wanted and is not there", hint)
    there = "another one has its name" if picture_path(use).is_file() else "it is not there"
    raise BadPicture(use.file, f"the picture with sha256 {use.sha256} is wanted, and {there}", hint)


def _candidates(use: PictureUse, folder: Path, images: Sequence[Path]) -> Iterator[Path]:
    yield picture_path(use)
    # A recipe from another system may have its backslashes; this class knows both.
    yield folder / PureWindowsPath(use.file).name
    yield from images


def _is_it(path: Path, sha256: str | None) -> bool:
    try:
        return path.is_file() and (sha256 is None or picture_hash(path) == sha256)
    except (BadPicture, OSError, ValueError):
        return False
