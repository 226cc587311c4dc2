"""The folders in which models are looked for by name, and what lies in them.

Takes the environment. Gives paths; looks at names and never into a file. Knows no kinds of models.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mezzotint.values.errors import Ambiguous

VARIABLE = "MEZZOTINT_MODELS"
"""Folders to look in instead of the usual one, separated as in PATH."""
INDEX = "model_index.json"
MARKS = (INDEX, "geometry.json")
"""What makes a folder one model: a diffusers folder, or one that training made."""
ENDINGS = (".safetensors", ".gguf", ".ckpt", ".pt", ".bin")
_DEEPEST = 8


@dataclass(frozen=True)
class Shelved:
    """Something in a model folder: `name` is its path below the folder, without the ending of a file."""

    name: str
    path: Path


def folders(environment: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where models are looked for: the folders in MEZZOTINT_MODELS, else `mezzotint/models` in the user's data."""
    given = [part for part in environment.get(VARIABLE, "").split(os.pathsep) if part]
    if given:
        return tuple(Path(part).expanduser() for part in given)
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return (Path(data).expanduser() / "mezzotint" / "models",)


def shelved(folder: Path) -> Iterator[Shelved]:
    """All model files and model folders below `folder`, by name; nothing when it is not there.

    Hidden folders, and folders that may not be read, are passed over; what a model folder holds belongs to it.
    """
    yield from _below(folder, folder, 0)


def _below(folder: Path, top: Path, depth: int) -> Iterator[Shelved]:
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if any((path / mark).is_file() for mark in MARKS):
                yield Shelved(path.relative_to(top).as_posix(), path)
            elif depth < _DEEPEST:
                yield from _below(path, top, depth + 1)
        elif path.suffix.lower() in ENDINGS:
            yield Shelved(path.relative_to(top).with_suffix("").as_posix(), path)


def on_shelf(name: str, places: tuple[Path, ...]) -> Path | None:
    """The path of the model called `name`: its path below one of `places`, with or without ending, or, when that is
    nothing, its last part alone. None when there is no such model. Raises Ambiguous for several."""
    every = [found for place in places for found in shelved(place)]
    whole = [found.path for found in every if name in (found.name, found.name + found.path.suffix)]
    parts = [found.path for found in every if name in (found.path.name, found.name.rpartition("/")[2])]
    paths = whole or parts
    if len(paths) > 1:
        raise Ambiguous(
            name,
            f"is the name of {len(paths)} models: {', '.join(map(str, paths[:4]))}",
            hint="give the path",
        )
    return paths[0] if paths else None
