"""Finds the pictures that a recipe starts from again, wherever they lie now: by their hashes.

Takes a Recipe and the places to look in. Gives the Recipe with the paths where the pictures are. Opens no picture.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import Protocol, TypeVar

from mezzotint.engine.controlled import with_pictures
from mezzotint.engine.pictures import picture_hash, picture_path
from mezzotint.values.errors import BadPicture
from mezzotint.values.recipe import Pass, Prompt, Recipe
from mezzotint.values.source import PictureUse, Source

Use = TypeVar("Use", bound=PictureUse)


class Place(Protocol):
    """Gives a picture with the path where it is."""

    def __call__(self, use: Use, /) -> Use:
        """`use` with another path. Raises BadPicture."""
        ...


def found_again(recipe: Recipe, folder: Path, images: Sequence[Path] = ()) -> Recipe:
    """`recipe` with every picture where it was, or in `folder` under its name, or among `images`.

    Raises BadPicture, which says what file with which hash is missing.
    """

    def place(use: Use) -> Use:
        return use.model_copy(update={"file": _place(use, folder, images)})

    passes = tuple(_pass(use, place) for use in recipe.passes)
    return recipe.model_copy(update={"passes": passes, "prompt": _prompt(recipe.prompt, place)})


def _pass(use: Pass, place: Place) -> Pass:
    prompt = None if use.prompt is None else _prompt(use.prompt, place)
    source = None if use.source is None else _source(use.source, place)
    update = {"prompt": prompt, "source": source, **with_pictures(use, place)}
    return use.model_copy(update=update)


def _source(source: Source, place: Place) -> Source:
    picture, mask = source.picture, source.mask
    if mask is not None and mask.picture is not None:
        mask = mask.model_copy(update={"picture": place(mask.picture)})
    return source.model_copy(update={"picture": None if picture is None else place(picture), "mask": mask})


def _prompt(prompt: Prompt, place: Place) -> Prompt:
    regions = tuple(
        one if one.mask is None else one.model_copy(update={"mask": place(one.mask)})
        for one in prompt.regions
    )
    return prompt.model_copy(update={"regions": regions})


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
