"""Recipes that start from a picture: edited, filled in, varied, enlarged, followed.

Takes a picture file, flat options and lists as `engine.compose` does, and the recipe that the picture itself may
hold. Gives a Recipe. Reads headers and hashes only; draws nothing.
"""

import math
import secrets
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path

from mezzotint.engine.composing.compose import DIALECT, NONE, SEEDS, Lists, compose_flat
from mezzotint.engine.composing.controlled import handed_on
from mezzotint.engine.composing.starting import IMAGE_CFG, speaks_of
from mezzotint.families.family import Family
from mezzotint.families.look import MASK
from mezzotint.families.registry import find
from mezzotint.values import metadata
from mezzotint.values.errors import BadPicture, BadValue, shorten
from mezzotint.values.guides import Guide
from mezzotint.values.names import NO, YES
from mezzotint.values.options import OPTIONS, flatten
from mezzotint.values.photo import size_of
from mezzotint.values.recipe import MAX_SIDE, InversionUse, ModelUse, Pass, Recipe

VARIED, ENLARGED, APART = 0.4, 0.3, 0.3
"""How much of a picture is changed to vary or to enlarge it, and how far the noise of a variation is from the old one,
where the user does not say."""
_SOURCE = frozenset(option.name for option in OPTIONS if "source" in option.path)
_DRAWING = frozenset({"strength"}) | {
    option.name
    for option in OPTIONS
    if option.path[0] == "passes" and option.path[2] not in ("model", "source")
}
"""The options that say how to draw over a picture."""
_OF_MODEL = frozenset(
    option.name for option in OPTIONS if option.path[0] == "passes" or option.name == "clip_skip"
)


def edited(picture: Path, flat: Mapping[str, object], lists: Lists = NONE) -> Recipe:
    """The recipe that starts from `picture`. Raises what composing raises."""
    return compose_flat({**flat, "image": str(picture)}, lists)


def filled_in(picture: Path, flat: Mapping[str, object], lists: Lists = NONE) -> Recipe:
    """The recipe that draws a part of `picture` anew. One that is larger than its model draws keeps its size: only the
    part around the mask is drawn. Raises what composing raises."""
    flat = {**flat, "mask_paste": flat.get("mask_paste") or YES}  # said, so that there is a mask in any case
    if flat.get("mask_area") is None and flat.get("width") is None and flat.get("height") is None:
        width, height = size_of(picture)
        own = _family(flat).defaults
        if width * height > own.width * own.height:
            flat = {**flat, "mask_area": "masked"}
    return edited(picture, flat, lists)


def hinted(picture: Path, flat: Mapping[str, object], lists: Lists = NONE) -> Recipe:
    """The recipe that draws from noise in the proportions of `picture`, which its controls follow unless they name
    another one. Raises BadValue without a control, and for what only a picture that is drawn over has."""
    over = next((name for name in sorted(_SOURCE) if flat.get(name) is not None), None)
    if over is not None:
        raise BadValue(over, "here the picture is followed, not drawn over", "use edit --control")
    made = edited(picture, flat, lists)
    first, *later = made.passes
    if not first.controls:
        raise BadValue("control", "is missing", "say what follows the picture: --control FILE:canny")
    drawn = first.model_copy(update={**handed_on(first), "source": None})
    return made.model_copy(update={"passes": (drawn, *later)})


def varied(picture: Path, flat: Mapping[str, object], lists: Lists = NONE) -> Recipe:
    """The recipe of another picture like `picture`: its own recipe with a little other noise, where it holds one and
    nothing is said that only a picture to start from has, as its strength or others mixed in; otherwise an
    image-to-image of low strength.

    Raises BadValue without any prompt."""
    own = own_recipe(picture)
    alone = own is not None and not any(use.draws for use in own.passes)  # only enlarged: no noise to vary
    if own is None or alone or lists.mix or any(flat.get(name) is not None for name in _SOURCE):
        flat = {**flat, "strength": _strength(flat, own, VARIED)}
        return _redrawn(picture, own, flat, lists)
    before = own.noise.variation_strength
    amount = flat.get("variation_strength")
    seed = flat.get("variation_seed")
    varying = {
        "variation_strength": (before or APART) if amount is None else amount,
        "variation_seed": secrets.randbelow(SEEDS) if seed is None else seed,
    }
    made = _anew(own, {**flat, **varying}, lists)
    other = _other_model(own, flat)
    followed = {} if other else _followed(own.passes[0], made.passes[0])
    first = made.passes[0].model_copy(update={"source": own.passes[0].source, **followed})
    later = () if other else own.passes[1:]
    return made.model_copy(update={"passes": (first, *later, *made.passes[1:])})


def enlarged(picture: Path, by: float, flat: Mapping[str, object], lists: Lists = NONE) -> Recipe:
    """The recipe of `picture` `by` times as large: enlarged, and drawn over at low strength, in tiles of the size that
    its model draws. A family with an upscaler of its own does only that, unless something is said of how to draw. A
    model that enlarges by itself does it by its own factor. Raises BadValue without any prompt."""
    own = own_recipe(picture)
    family = _family(_with_model(flat, own))
    if family.upscaler is not None and not _says_how(flat, lists):
        flat = {**flat, "redraw": flat.get("redraw") or NO}
    if family.enlarges > 1:
        return _redrawn(picture, own, flat, lists)
    size = _larger(picture, by, flat, family.multiple)
    known = family.defaults
    drawn = flat.get("redraw") != NO
    larger = drawn and max(size) > max(known.width, known.height)
    wishes = {
        "width": size[0],
        "height": size[1],
        "strength": _strength(flat, own, ENLARGED) if drawn else 0.0,
        "tile": max(known.width, known.height) if larger else None,
        "upscaler": family.upscaler,
    }
    given = {name: value for name, value in flat.items() if value is not None}
    return _redrawn(picture, own, {**wishes, **given}, lists)


def _larger(picture: Path, by: float, flat: Mapping[str, object], multiple: int) -> list[int]:
    """Width and height of `picture` `by` times as large, or as one side of it says. Raises BadValue beyond any size."""
    sides = size_of(picture)
    for side, name in zip(sides, ("width", "height"), strict=True):
        given = flat.get(name)
        by = given / side if isinstance(given, int) else by
    if by * max(sides) > MAX_SIDE:
        told = f"{by:g} times {sides[0]}x{sides[1]} is larger than {MAX_SIDE} pixels a side"
        most = math.floor(100 * MAX_SIDE / max(sides)) / 100
        raise BadValue("by", told, f"use at most {most:g}" if most >= 1 else "make the picture smaller first")
    return [max(1, round(side * by / multiple)) * multiple for side in sides]


def _says_how(flat: Mapping[str, object], lists: Lists) -> bool:
    """Whether something is said of how to draw."""
    listed = any(getattr(lists, field.name) for field in fields(lists) if field.name not in ("then", "parts"))
    return listed or any(flat.get(name) is not None for name in _DRAWING)


def own_recipe(picture: Path) -> Recipe | None:
    """The recipe that a picture holds, None without one. Raises BadPicture for a file that is not there."""
    try:
        return metadata.read(picture).recipe
    except BadPicture:
        size_of(picture)
        return None  # a picture of a kind that holds none


def _redrawn(picture: Path, own: Recipe | None, flat: Mapping[str, object], lists: Lists) -> Recipe:
    """`picture` drawn over as `flat` says and, where it says nothing, as its `own` recipe does."""
    started = {**flat, "image": str(picture)}
    if own is not None and (own.prompt.text.strip() or started.get("redraw") == NO or flat.get("prompt")):
        return _anew(own, started, lists)
    if flat.get("prompt") is None:
        started |= _texts(picture)
    if started.get("redraw") == NO:
        started["prompt"] = started.get("prompt") or ""
    elif not str(started.get("prompt") or "").strip():
        told = f"is missing, and {shorten(str(picture), 200)} holds no recipe with one"
        raise BadValue("prompt", told, "say behind the picture what is on it")
    return compose_flat(started, lists)


def _texts(picture: Path) -> dict[str, object]:
    """The prompts that another program left in a picture; nothing else of its settings, whose model is not here."""
    try:
        found = metadata.read(picture).infotext
    except BadPicture:
        return {}
    return {} if found is None else {"prompt": found.prompt, "negative": found.negative, "dialect": DIALECT}


def _anew(own: Recipe, flat: Mapping[str, object], lists: Lists) -> Recipe:
    """`own`, without what it starts from and its further passes, with what `flat` and `lists` say."""
    given = {name: value for name, value in flat.items() if value is not None}
    other = _other_model(own, flat)
    left_out = _SOURCE | _OF_MODEL if other else _SOURCE
    kept = {name: value for name, value in flatten(own).items() if name not in left_out}
    if {"sigmas", "steps", "spacing"} & given.keys():
        kept["sigmas"] = None
    if "image" in given and "width" not in given and "height" not in given and _family(flat).needs:
        kept["width"] = kept["height"] = None
    made = compose_flat({**kept, **given}, lists)
    first, old = made.passes[0], own.passes[0]
    update: dict[str, object] = {}
    if not other:
        parts = first.model.parts or old.model.parts
        update["model"] = old.model.model_copy(update={"parts": parts})
        asked = {"cfg"} if "guidance" in given else set[str]()
        asked |= {IMAGE_CFG} if speaks_of(lists.guide, IMAGE_CFG) else set()
        update["guides"] = _guides(old.guides, first.guides, asked)
        if first.source is not None:  # a control may follow what the pass starts from
            update.update(_followed(old, first))
    passes = (first.model_copy(update=update), *made.passes[1:])
    inversions = _joined(own.inversions, made.inversions)
    adapters = (() if other else own.adapters) + made.adapters
    prompt = made.prompt.model_copy(update={"regions": (*own.prompt.regions, *made.prompt.regions)})
    if "prompt" not in given:
        prompt = prompt.model_copy(update={"source": own.prompt.source})
    return made.model_copy(
        update={"prompt": prompt, "passes": passes, "inversions": inversions, "adapters": adapters}
    )


def _followed(old: Pass, new: Pass) -> dict[str, object]:
    """The controls and image prompts of the old pass, and those that were asked for."""
    return {
        "controls": (*old.controls, *new.controls),
        "image_prompts": (*old.image_prompts, *new.image_prompts),
    }


def _guides(old: tuple[Guide, ...], new: tuple[Guide, ...], asked: Collection[str]) -> tuple[Guide, ...]:
    """The guides of the old recipe and those that were asked for. Families give the scales of their own accord: of
    those only the `asked` ones replace the old."""
    scales = [guide for guide in new if guide.kind in asked]
    kept = [guide for guide in old if guide.kind not in asked]
    return (*scales, *kept, *(guide for guide in new if guide.kind not in ("cfg", IMAGE_CFG)))


def _joined(old: tuple[InversionUse, ...], new: tuple[InversionUse, ...]) -> tuple[InversionUse, ...]:
    names = {use.name.casefold() for use in new}
    return (*(use for use in old if use.name.casefold() not in names), *new)


def _other_model(own: Recipe, flat: Mapping[str, object]) -> bool:
    return flat.get("model") not in (None, own.passes[0].model.base)


def _with_model(flat: Mapping[str, object], own: Recipe | None) -> Mapping[str, object]:
    """`flat` with the model of the picture's own recipe where it names none."""
    if flat.get("model") is not None or own is None:
        return flat
    return {**flat, "model": own.passes[0].model.base}


def _strength(flat: Mapping[str, object], own: Recipe | None, usual: float) -> object:
    """The strength that is asked for, or the `usual` one; models that look at the
    picture have their own, but for those that are told where to draw."""
    given = flat.get("strength")
    if given is not None:
        return given
    needs = _family(_with_model(flat, own)).needs
    return usual if not needs or MASK in needs else None


def _family(flat: Mapping[str, object]) -> Family:
    names = {"base": "model", "prediction": "prediction", "zero_snr": "zero_snr"}
    given = {name: flat.get(option) for name, option in names.items() if flat.get(option) is not None}
    return find(ModelUse.model_validate(given)).family
