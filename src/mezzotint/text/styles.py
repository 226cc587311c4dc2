"""Styles: named pieces of prompts, in the `styles.csv` that A1111's web UI keeps.

Takes the path of such a file; gives `Style`s and applies them. `{prompt}` in a style is replaced by the prompt, and a
style without it is added behind a comma. Knows no prompt language.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mezzotint.values.errors import BadValue, shorten

MAX_FILE = 2**22
"""The largest file of styles that is read, in bytes."""
_PLACE = "{prompt}"


@dataclass(frozen=True)
class Style:
    """What a style adds to a prompt and to its negative prompt."""

    prompt: str
    negative: str


def read_styles(path: Path) -> Mapping[str, Style]:
    """The styles in a CSV file with the columns name, prompt and negative_prompt. Raises BadValue."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise BadValue("styles", f"{shorten(path.name)} is larger than {MAX_FILE} bytes", "split it")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeError, csv.Error):
        raise BadValue("styles", f"{shorten(str(path))} cannot be read", "use a CSV file in UTF-8") from None
    # Old files call the column "text".
    return {
        row["name"]: Style(row.get("prompt") or row.get("text") or "", row.get("negative_prompt") or "")
        for row in rows
        if row.get("name")
    }


def apply(style: Style, prompt: str, negative: str) -> tuple[str, str]:
    """A prompt and its negative with a style."""
    return _with(style.prompt, prompt), _with(style.negative, negative)


def _with(style: str, prompt: str) -> str:
    if _PLACE in style:
        return style.replace(_PLACE, prompt)
    return ", ".join(part for part in (prompt.strip(), style.strip()) if part)
