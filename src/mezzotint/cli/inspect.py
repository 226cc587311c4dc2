"""`mezzotint inspect FILE`: what a picture, a model file or a model folder holds."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from mezzotint.cli.table import show
from mezzotint.engine.telling.inspect import inspect

LARGE = 10**9
"""Bytes of a file whose hash takes so long that people are told of it."""


def run(given: Mapping[str, Any]) -> int:
    """Prints the report. Raises MezzotintError for what cannot be read at all."""
    report = inspect(given["file"], hashing if sys.stderr.isatty() else None)
    if given["json"]:
        print(json.dumps(report.to_plain(), indent=1))
    else:
        show(report)
    return 0


def hashing(done: int, size: int) -> None:
    """Shows how much of a large file has been hashed, on one line that goes away at the end."""
    if size >= LARGE:
        line = f"hashing, {100 * done // size} %" if done < size else ""
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
