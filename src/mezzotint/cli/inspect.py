"""`mezzotint inspect FILE`: what a picture, a model file or a model folder holds."""

from collections.abc import Mapping
from typing import Any

from mezzotint.cli.table import show
from mezzotint.engine.inspect import inspect


def run(given: Mapping[str, Any]) -> int:
    """Prints the report. Raises MezzotintError for what cannot be read at all."""
    show(inspect(given["file"]))
    return 0
