"""`mezzotint replay FILE`: draws a saved picture again and says whether the same came out.

Exit code 0 when every pixel is equal and 1 when not, as `cmp` has it. A picture that a web UI saved holds no recipe: it
is drawn from the nearest one, saved, and what that could not say is told line by line; then 0 is that it was drawn.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzotint.cli.generate import write
from mezzotint.cli.inputs import one_target, spared
from mezzotint.cli.output import Output, output
from mezzotint.cli.progress import showing
from mezzotint.engine.composing.foreign import nearest
from mezzotint.engine.composing.originals import found_again, pictures_of
from mezzotint.engine.replay import Replay, Saved, engine_for, replay, saved
from mezzotint.values import metadata
from mezzotint.values.errors import BadPicture, BadValue
from mezzotint.values.infotext import Infotext

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
    images = given["image"] or ()
    target = _target(given["output"], old, images)
    engine = engine_for(old, given["device"], given["threads"])
    outcome: Replay | None = None
    with showing(1, given["quiet"]) as show:
        for event in replay(old, engine, images):
            if isinstance(event, Replay):
                outcome = event
            else:
                show(event)
    assert outcome is not None
    if target is not None:
        outcome.picture.save(target.pictures[0])
    if not given["quiet"]:
        print(f"{old.path}: {outcome.verdict}")
        if target is not None and target.moved:
            print(f"{target.pictures[0]}  that name was taken, so a number was added")
    return EQUAL if outcome.equal else DIFFERENT


def _target(given: Path | None, old: Saved, images: Sequence[Path]) -> Output | None:
    """A free name for the new picture, None where it is not to be saved. Raises BadValue for the old picture and for
    those that it starts from, BadPicture for one that is not there."""
    for image in images:
        if not image.is_file():
            raise BadPicture(image, "there is no such picture", "check the path behind --image")
    if given is None:
        return None
    wished = one_target(old.path, given, "replay")
    found = found_again(old.recipe, old.path.parent, images)
    spared([wished], (old.path, *images, *pictures_of(found)))
    return output(wished, "", overwrite=False, count=1)


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
