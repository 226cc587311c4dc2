"""`mezzotint models`: the kinds of models that can draw, with their defaults."""

from collections.abc import Mapping
from typing import Any

from mezzotint.cli.table import show
from mezzotint.engine.catalogue import catalogue


def run(given: Mapping[str, Any]) -> int:
    """Prints the list."""
    show(catalogue())
    return 0
