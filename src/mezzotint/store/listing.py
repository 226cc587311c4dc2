"""Tells people what lies in the model folders.

Takes folders, gives sections of a Report. Opens no network.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mezzotint.engine.telling.report import Section
from mezzotint.families.shelf import VARIABLE, folders
from mezzotint.store.index import Entry, entries
from mezzotint.values.errors import ModelNotFound
from mezzotint.values.files import cache_folder


def listing(given: Sequence[Path] = ()) -> Iterator[Section]:
    """A section for each of the `given` folders, or of the usual ones. Raises ModelNotFound for a given one."""
    for folder in given:
        if not folder.is_dir():
            raise ModelNotFound(str(folder), "check the path: there is no such folder")
    for folder in given or folders():
        rows = tuple((entry.name, described(entry)) for entry in entries(folder, cache_folder()))
        hint = f"put model files there, or name other folders in {VARIABLE}"
        yield Section(str(folder), rows or (("empty", "no models" if given else hint),))


def described(entry: Entry) -> str:
    """One line: what it is, its family and layout, how it is stored, its size, and why a model cannot draw."""
    known = entry.known
    words = [known.kind, known.family, known.layout, known.precision, _bytes(entry.size)]
    line = ", ".join(word for word in words if word)
    return f"{line}; cannot draw: {known.problem}" if known.problem else line


def _bytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
