"""A report for people: titled sections of named facts, which any surface can lay out.

Takes and gives plain text. Knows no terminal.
"""

from collections.abc import Iterable
from dataclasses import dataclass

Row = tuple[str, str]


@dataclass(frozen=True)
class Section:
    """A title with rows of a name and its value."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Report:
    """Sections in the order of reading."""

    sections: tuple[Section, ...]


def rows(pairs: Iterable[tuple[str, object]]) -> tuple[Row, ...]:
    """Rows of the pairs that have a value; None and empty text are left out."""
    return tuple((name, str(value)) for name, value in pairs if value is not None and value != "")
