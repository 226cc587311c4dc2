"""What the models in the model folders are, remembered between runs.

Takes folders. Gives an `Entry` for each model, one after the other: a file that has not changed is not opened again,
and no file is ever hashed. The memory is a cache; a damaged one is made anew.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from mezzotint.families.kinds import MODEL
from mezzotint.families.recognise import recognise
from mezzotint.families.shelf import Shelved, shelved
from mezzotint.values.errors import MezzotintError, OutputFailed, shorten
from mezzotint.values.files import write_atomically
from mezzotint.weights.sniff import PICKLE, sniffed

NAME = "models.json"


@dataclass(frozen=True)
class Known:
    """What a header told: `kind` in words, the rest None where it does not apply; `problem` is why it cannot be
    read, or why a whole model cannot draw."""

    kind: str
    family: str | None
    layout: str | None
    precision: str | None
    parameters: int | None
    problem: str | None


@dataclass(frozen=True)
class Entry:
    """One model: `name` for `--model`, `path`, `size` in bytes (of all files of a folder), and what it is."""

    name: str
    path: Path
    size: int
    known: Known


@dataclass(frozen=True)
class _Remembered:
    size: int
    changed: int
    known: Known


_MEMORY = TypeAdapter(dict[str, _Remembered])


def entries(folder: Path, cache: Path) -> Iterator[Entry]:
    """Everything in `folder`, sorted by name. What cannot be read is an entry with a problem, not an error."""
    before = _remembered(cache / NAME)
    after = {path: known for path, known in before.items() if not Path(path).is_relative_to(folder)}
    for found in shelved(folder):
        try:
            size, changed = _stamp(found.path)
        except OSError:
            continue
        old = before.get(str(found.path))
        fresh = old is None or (old.size, old.changed) != (size, changed)
        now = _Remembered(size, changed, _looked_at(found)) if fresh or old is None else old
        after[str(found.path)] = now
        yield Entry(found.name, found.path, size, now.known)
    if after != before:
        _remember(cache, after)


def _looked_at(found: Shelved) -> Known:
    if sniffed(found.path) == PICKLE:
        # Listing opens no pickle: that takes a process and a copy of it.
        return Known(PICKLE, None, None, None, None, None)
    try:
        seen = recognise(found.path)
    except MezzotintError as error:
        return Known("unreadable", None, None, None, None, _without(found.path, error.message))
    problem = _without(found.path, seen.problems[0]) if seen.problems and seen.kind == MODEL else None
    return Known(seen.kind, seen.family, seen.layout, seen.precision, seen.parameters, problem)


def _without(path: Path, message: str) -> str:
    """A message without the path it begins with: it stands in a list of paths."""
    return message.removeprefix(f"{shorten(str(path), 200)}: ")


def _stamp(path: Path) -> tuple[int, int]:
    """Bytes, and the latest time of change in nanoseconds, of a file or of all files of a folder."""
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    stats = [file.stat() for file in files]
    return sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)


def _remembered(path: Path) -> dict[str, _Remembered]:
    try:
        return _MEMORY.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return {}


def _remember(cache: Path, entries: Mapping[str, _Remembered]) -> None:
    text = json.dumps({path: asdict(entry) for path, entry in sorted(entries.items())}, indent=1)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_atomically(cache / NAME, lambda file: file.write(text.encode()))
    except (OSError, OutputFailed):
        return  # a cache that cannot be written costs time, nothing else
