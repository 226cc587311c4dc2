"""`mezzotint explain PROMPT`: shows how a prompt is read, and how it is written in another prompt language."""

from collections.abc import Mapping
from typing import Any

from mezzotint.cli.table import show
from mezzotint.engine.telling.explain import explain
from mezzotint.values.errors import BadValue


def run(given: Mapping[str, Any]) -> int:
    """Prints the report. Raises MezzotintError."""
    steps: int | None = given["steps"]
    if steps is not None and not 1 <= steps <= 1000:
        raise BadValue("steps", f"{steps} is out of range", "use 1 to 1000")
    show(explain(given["prompt"], given["model"], steps, given["dialect"], given["to"]))
    return 0
