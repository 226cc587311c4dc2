"""A report for people: titled sections of named facts, which any surface can lay out.

Takes and gives plain text. Knows no terminal.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Row = tuple[str, str]


@dataclass(frozen=True)
class Section:
    """A title with rows of a name and its value; `key` is what programs call it, the title where it is empty."""

    title: str
    rows: tuple[Row, ...]
    key: str = ""


@dataclass(frozen=True)
class Report:
    """Sections in the order of reading."""

    sections: tuple[Section, ...]

    def to_plain(self) -> dict[str, dict[str, str | list[str]]]:
        """The report for programs: values by name by section, all of them text; a name that is there several times
        has a list. Names are in small letters with underscores."""
        return {_key(section.key or section.title): _named(section.rows) for section in self.sections}


def _named(rows: tuple[Row, ...]) -> dict[str, str | list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in rows:
        found.setdefault(_key(name), []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _key(title: str) -> str:
    return title.lower().replace(" ", "_")


def rows(pairs: Iterable[tuple[str, object]]) -> tuple[Row, ...]:
    """Rows of the pairs that have a value; None and empty text are left out."""
    return tuple((name, str(value)) for name, value in pairs if value is not None and value != "")
