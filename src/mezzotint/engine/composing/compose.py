"""From a prompt and a few wishes to a complete Recipe: what is left out comes from the model's family.

Takes plain values, gives a Recipe. Reads at most the headers of a model file, so a recipe for a checkpoint of many
gigabytes is made in a moment. Knows no device and draws nothing.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from os import fspath
from typing import Any, Unpack, cast

from mezzotint.engine.composing import starting
from mezzotint.engine.composing.controlled import with_controls
from mezzotint.engine.composing.spoken import inversions_of
from mezzotint.engine.composing.wishes import Wishes
from mezzotint.engine.composing.written import written
from mezzotint.families.family import Family
from mezzotint.families.registry import find
from mezzotint.families.shelf import VARIABLE, folders, on_shelf
from mezzotint.values.adapters import Named, from_flag, in_prompt, inversion_from_flag, no_other_tags
from mezzotint.values.errors import ModelNotFound
from mezzotint.values.guide_text import with_guides
from mezzotint.values.options import assemble
from mezzotint.values.recipe import AdapterUse, ModelUse, PartUse, Recipe
from mezzotint.values.region import region_from_text

DIALECT = "a1111"
"""The language of prompts where the user names none; a recipe that names none has `plain` ones."""
SEEDS = 2**32
"""Seeds that are chosen for the user are below this, short enough to type."""


@dataclass(frozen=True)
class Lists:
    """What may be given several times, each as people write it; `compose` says what each of them is."""

    guide: Sequence[str] = ()
    lora: Sequence[str] = ()
    embedding: Sequence[str] = ()
    parts: Sequence[str] = ()
    style: Sequence[str] = ()
    control: Sequence[str] = ()
    image_prompt: Sequence[str] = ()
    then: Sequence[str] = ()
    region: Sequence[str] = ()
    mix: Sequence[str] = ()


NONE = Lists()


def compose(prompt: str, **wishes: Unpack[Wishes]) -> Recipe:
    """The recipe of one picture; None takes the family's default, and a random seed for `seed`.

    `guide` are guides as `NAME` or `NAME:VALUE,FIELD=VALUE`, which work behind `guidance` in their order.
    `lora` are adapters as `FILE` or `FILE:0.8`; `<lora:NAME:0.8>` in the prompt names one in the model folders.
    `embedding` are textual inversions as `FILE` or `NAME=FILE`; those of the model folders answer to their names.
    `parts` are files of an autoencoder or of text encoders that are used instead of the model's own.
    `dialect` None is A1111's. `{a|b}` and `__name__` are chosen with the seed, unless the dialect is `plain`; `style`
    are names in the `styles.csv` of the model folders. `image` is a picture to start from; `then` are further passes,
    as `scale=2,strength=0.5`, and `region` texts for parts of the picture, as `0,0,0.5,1:a red apple`. `control` are
    ControlNets and T2I-Adapters as `FILE:canny,image=photo.png`, `image_prompt` IP-Adapters as
    `FILE:photo.png,weight=0.6`. `mix` are pictures that a model of variations sees beside `image`, as `FILE:0.5`.
    Raises BadValue and UnknownName for values no recipe may have, and what finding the model raises.
    """
    flat: dict[str, object] = {"prompt": prompt, **wishes}
    listed: dict[str, Any] = {field.name: flat.pop(field.name, None) or () for field in fields(Lists)}
    for name in ("sigmas", "extend"):
        flat[name] = None if flat.get(name) is None else tuple(cast(Sequence[float], flat[name]))
    for name in ("image", "mask", "depth"):
        flat[name] = None if flat.get(name) is None else fspath(cast(str, flat[name]))
    return compose_flat(flat, Lists(**listed))


def compose_flat(flat: Mapping[str, object], lists: Lists = NONE) -> Recipe:
    """`compose` for surfaces that hold the options of `values.options` as a mapping by name; None is absent."""
    seed = flat.get("seed")
    flat = {**flat, "dialect": flat.get("dialect") or DIALECT}
    flat["seed"] = secrets.randbelow(SEEDS) if seed is None else seed
    flat = written(flat, lists.style)
    text, named = in_prompt(str(flat.get("prompt") or ""))
    if flat["dialect"] == DIALECT:
        no_other_tags(text)
    adapters = (*map(from_flag, lists.lora), *(_found(name) for name in named))
    files = tuple(PartUse(file=file) for file in lists.parts)
    family = _family_of(flat, files)
    source = flat.pop("source", None)
    flat = {**flat, "prompt": text} if named else flat
    recipe = with_guides(assemble(flat, _defaults(flat, family)), starting.guides(family, lists.guide))
    recipe = starting.with_mixed(with_controls(recipe, lists.control, lists.image_prompt), lists.mix)
    recipe = starting.hashed(starting.checked_mask(_with_regions(recipe, lists.region), family))
    if source is not None:
        recipe = recipe.model_copy(update={"prompt": recipe.prompt.model_copy(update={"source": source})})
    inversions = inversions_of(recipe.prompt, tuple(map(inversion_from_flag, lists.embedding)), family)
    if files:
        (one,) = recipe.passes
        model = one.model.model_copy(update={"parts": files})
        recipe = recipe.model_copy(update={"passes": (one.model_copy(update={"model": model}),)})
    recipe = starting.followed(recipe, lists.then, family, lambda base: find(ModelUse(base=base)).family)
    if not adapters and not inversions:
        return recipe
    return recipe.model_copy(update={"adapters": adapters, "inversions": inversions})


def _with_regions(recipe: Recipe, texts: Sequence[str]) -> Recipe:
    """`recipe` with the regions that `texts` describe. Raises BadValue."""
    if not texts:
        return recipe
    regions = (*recipe.prompt.regions, *map(region_from_text, texts))
    return recipe.model_copy(update={"prompt": recipe.prompt.model_copy(update={"regions": regions})})


def _family_of(flat: Mapping[str, object], files: tuple[PartUse, ...]) -> Family:
    """The family of the model that flat options name."""
    given = {
        "base": flat.get("model"),
        "prediction": flat.get("prediction"),
        "zero_snr": flat.get("zero_snr"),
        "parts": files,
    }
    return find(ModelUse.model_validate({k: v for k, v in given.items() if v is not None})).family


def _defaults(flat: Mapping[str, object], family: Family) -> dict[str, object]:
    """The flat options of a family where `flat` says nothing."""
    known = family.defaults
    return {
        "clip_skip": known.clip_skip,
        "sampler": known.sampler,
        "spacing": known.spacing,
        "steps": known.steps,
        "guidance": known.guidance,
        **starting.sizes(flat, family),
        "strength": starting.strength(family, flat),
        "variation_seed": secrets.randbelow(SEEDS) if flat.get("variation_strength") else None,
    }


def compose_series(flat: Mapping[str, object], count: int, lists: Lists = NONE) -> list[Recipe]:
    """`count` recipes of a series, from the first one upwards, each with what its own seed chooses."""
    first = compose_flat(flat, lists)
    series = [first.following(place) for place in range(count)]
    if first.prompt.source is None:
        return series
    chosen = [compose_flat({**flat, "seed": one.seed}, lists) for one in series]
    return [new.model_copy(update={"noise": one.noise}) for new, one in zip(chosen, series, strict=True)]


def _found(named: Named) -> AdapterUse:
    """The adapter that a prompt names. A name is compared with those of files, and never used as a path."""
    places = folders()
    path = on_shelf(named.name, places)
    if path is None:
        where = ", ".join(map(str, places))
        raise ModelNotFound(
            named.name, f"there is no file of this name in {where}; set {VARIABLE}, or use --lora FILE"
        )
    return AdapterUse(file=str(path), weight=named.weight, text_weight=named.text_weight)
