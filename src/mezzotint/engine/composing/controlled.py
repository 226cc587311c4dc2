"""What a recipe says of controls and image prompts, completed.

Takes text and recipes, gives recipes with the hashes of all pictures. Hashes pictures, opens no network.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from mezzotint.engine.hinting import known_hint
from mezzotint.engine.pictures import picture_hash, picture_path
from mezzotint.values.control_text import control_from_text, image_prompt_from_text
from mezzotint.values.controls import ControlUse
from mezzotint.values.names import FITS
from mezzotint.values.recipe import Pass, Recipe
from mezzotint.values.source import PictureUse

Put = Callable[[PictureUse], PictureUse]
Use = TypeVar("Use", bound=PictureUse)


def with_controls(recipe: Recipe, controls: Sequence[str], image_prompts: Sequence[str]) -> Recipe:
    """`recipe` with the controls and image prompts of these texts in its first pass.

    Raises BadValue and UnknownName, also for a hint that there is not.
    """
    if not controls and not image_prompts:
        return recipe
    uses = tuple(map(control_from_text, controls))
    for use in uses:
        if use.hint is not None:
            known_hint(use.hint)
    first, *others = recipe.passes
    update = {"controls": uses, "image_prompts": tuple(map(image_prompt_from_text, image_prompts))}
    return recipe.model_copy(update={"passes": (first.model_copy(update=update), *others)})


def with_pictures(use: Pass, put: Put) -> dict[str, object]:
    """The controls and image prompts of a pass with what `put` makes of each picture, which may raise."""

    def perhaps(one: PictureUse | None) -> PictureUse | None:
        return None if one is None else put(one)

    controls = tuple(one.model_copy(update={"picture": perhaps(one.picture)}) for one in use.controls)
    prompts = tuple(
        one.model_copy(update={"pictures": tuple(map(put, one.pictures)), "mask": perhaps(one.mask)})
        for one in use.image_prompts
    )
    return {"controls": controls, "image_prompts": prompts}


def handed_on(first: Pass) -> dict[str, object]:
    """What a further pass of the same model follows: all that the first one does, and the same pictures. One that was
    extended or fitted in another way than a control's picture is would lie elsewhere: there it follows what was drawn.
    """
    source = first.source
    lies_there = source is not None and not source.extended and source.fit == FITS[0]
    picture = source.picture if source is not None and lies_there else None

    def seen(use: ControlUse) -> ControlUse:
        if use.picture is not None or picture is None:
            return use
        same = PictureUse(file=picture.file, sha256=picture.sha256)
        return use.model_copy(update={"picture": same})

    return {"controls": tuple(map(seen, first.controls)), "image_prompts": first.image_prompts}


def known(use: Use) -> Use:
    """`use` with its hash. Raises BadPicture."""
    return use.model_copy(update={"sha256": use.sha256 or picture_hash(picture_path(use))})
