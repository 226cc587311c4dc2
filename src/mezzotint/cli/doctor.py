"""`mezzotint doctor`: what is installed, what is there, what would be used."""

from collections.abc import Mapping
from typing import Any

from mezzotint.cli.table import show
from mezzotint.engine.telling.doctor import doctor


def run(given: Mapping[str, Any]) -> int:
    """Prints the report."""
    show(doctor())
    return 0
