"""Lays a Report out for the terminal: titles, and names with their values in two columns.

Takes a Report, prints it. Long values are folded under their column.
"""

import shutil
import sys
import textwrap

from mezzotint.engine.telling.report import Report
from mezzotint.values.errors import shorten

_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"
_NARROWEST = 20


def show(report: Report) -> None:
    """Prints `report` on stdout, folded to the terminal's width; not folded into a pipe."""
    print("\n\n".join(_section_lines(report)))


def _section_lines(report: Report) -> list[str]:
    terminal = sys.stdout.isatty()
    bold, plain = (_BOLD, _PLAIN) if terminal else ("", "")
    name_width = max((len(name) for section in report.sections for name, _ in section.rows), default=0)
    width = max(_NARROWEST, shutil.get_terminal_size().columns - name_width - 4) if terminal else None
    blocks: list[str] = []
    for section in report.sections:
        lines = [f"{bold}{_printable(section.title)}{plain}"]
        for name, value in section.rows:
            lines += _row(name, value, name_width, width)
        blocks.append("\n".join(lines))
    return blocks


def _row(name: str, value: str, name_width: int, width: int | None) -> list[str]:
    folded = (textwrap.wrap(value, width) if width else [" ".join(value.splitlines())]) or [""]
    name, folded = _printable(name), [_printable(line) for line in folded]
    return [f"  {name if i == 0 else '':{name_width}}  {line}" for i, line in enumerate(folded)]


def _printable(text: str) -> str:
    """`text` with its control characters written out: what is shown may come from anybody's file."""
    return shorten(text, len(text) * len(r"\U00000000"))
