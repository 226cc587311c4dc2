"""`mezzotint replay FILE`: draws a saved picture again and says whether the same came out.

Exit code 0 when every pixel is equal and 1 when not, as `cmp` has it.
"""

from collections.abc import Mapping
from typing import Any

from mezzotint.cli.output import writable
from mezzotint.cli.progress import showing
from mezzotint.engine.replay import Replay, engine_for, replay, saved
from mezzotint.values.picture import format_of

EQUAL, DIFFERENT = 0, 1


def run(given: Mapping[str, Any]) -> int:
    """Draws, compares, prints the verdict. Raises MezzotintError."""
    old = saved(given["file"])
    target = given["output"]
    if target is not None:
        format_of(target)
        writable(target.parent)
    engine = engine_for(old, given["device"], given["threads"])
    outcome: Replay | None = None
    with showing(1, given["quiet"]) as show:
        for event in replay(old, engine, given["image"] or ()):
            if isinstance(event, Replay):
                outcome = event
            else:
                show(event)
    assert outcome is not None
    if target is not None:
        outcome.picture.save(target)
    if not given["quiet"]:
        print(f"{old.path}: {outcome.verdict}")
    return EQUAL if outcome.equal else DIFFERENT
