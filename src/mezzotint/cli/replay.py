"""`mezzotint replay FILE`: draws a saved picture again and says whether the same came out.

Exit code 0 when every pixel is equal and 1 when not, as `cmp` has it. A picture that a web UI saved holds no recipe: it
is drawn from the nearest one, saved, and what that could not say is told line by line; then 0 is that it was drawn.
"""

from collections.abc import Mapping
from typing import Any

from mezzotint.cli.generate import write
from mezzotint.cli.inputs import one_target, spared
from mezzotint.cli.output import output, writable
from mezzotint.cli.progress import showing
from mezzotint.engine.composing.foreign import nearest
from mezzotint.engine.replay import Replay, engine_for, replay, saved
from mezzotint.values import metadata
from mezzotint.values.errors import BadValue
from mezzotint.values.infotext import Infotext
from mezzotint.values.picture import format_of

EQUAL, DIFFERENT = 0, 1


def run(given: Mapping[str, Any]) -> int:
    """Draws, compares, prints the verdict. Raises MezzotintError."""
    found = metadata.read(given["file"])
    if found.recipe is None and found.problem is None and found.infotext is not None:
        return _foreign(given, found.infotext)
    if given["model"] is not None and found.recipe is not None:
        hint = "use `mezzotint vary` to draw it with another"
        raise BadValue("model", "the recipe in the picture names its own", hint)
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


def _foreign(given: Mapping[str, Any], found: Infotext) -> int:
    """Draws the nearest recipe to `found`."""
    images = given["image"] or ()
    if len(images) > 1:
        raise BadValue("image", "is given several times", "one picture is what it started from")
    target = one_target(given["file"], given["output"], "replay")
    spared([target], [given["file"]])
    made = nearest(found, given["model"], images[0] if images else None)
    code = write(given, [made.recipe], output(target, "", overwrite=False, count=1))
    if not given["quiet"]:
        for note in made.notes:
            print(note)
    return code
