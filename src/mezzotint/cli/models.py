"""`mezzotint models`: the kinds of models that can draw, and what lies in the model folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mezzotint.cli.table import show
from mezzotint.engine.telling.catalogue import catalogue
from mezzotint.engine.telling.report import Report
from mezzotint.store.listing import listing


def run(given: Mapping[str, Any]) -> int:
    """Prints the list: of one folder when it is given, else of everything. Raises MezzotintError."""
    folder: Path | None = given["folder"]
    kinds = () if folder else catalogue().sections
    show(Report((*kinds, *listing([folder] if folder else []))))
    return 0
