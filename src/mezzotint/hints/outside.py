"""Hints of other packages: what they offer in the entry point group `mezzotint.hints`, loaded when asked for.

Takes names. Gives `Hint`s. To list them, no code of a package is run. A built-in hint is never replaced.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from mezzotint.hints.registry import HINTS, Hint
from mezzotint.values.errors import BadPackage, shorten
from mezzotint.values.value import Value

GROUP = "mezzotint.hints"


def offered() -> Mapping[str, str]:
    """The names of the hints that installed packages offer, each with its package."""
    return {entry.name: _package(entry) for entry in _entries()}


def load(name: str) -> Hint[Any]:
    """The hint `name` of another package. Raises BadPackage, naming it, where that cannot be had."""
    found = [entry for entry in _entries() if entry.name == name]
    if len(found) > 1:
        others = ", ".join(sorted(_package(entry) for entry in found[1:]))
        hint = "uninstall one of them"
        raise BadPackage(_package(found[0]), f"offers the hint '{shorten(name)}', and so does {others}", hint)
    try:
        given: object = found[0].load()
    except Exception as error:  # the module of another package may raise anything
        raise BadPackage(_package(found[0]), f"its hint '{shorten(name)}' {failure(error)}") from error
    if not _is_hint(given):
        what = f"its hint '{shorten(name)}' is a {type(given).__name__}, not a mezzotint.hints.registry.Hint"
        raise BadPackage(_package(found[0]), what)
    return cast(Hint[Any], given)


def failure(error: Exception) -> str:
    """What went wrong in another package's code, in a few words."""
    return f"fails: {type(error).__name__}: {shorten(' '.join(str(error).split()), 120)}"


def _is_hint(given: object) -> bool:
    return isinstance(given, Hint) and _is_settings(cast(Hint[Any], given).options)


def _is_settings(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Value)


def _entries() -> list[EntryPoint]:
    return [entry for entry in entry_points(group=GROUP) if entry.name not in HINTS]


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module
