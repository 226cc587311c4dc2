"""From a prompt and a few wishes to a complete Recipe: what is left out comes from the model's family.

Takes plain values, gives a Recipe. Reads at most the headers of a model file, so a recipe for a checkpoint of many
gigabytes is made in a moment. Knows no device and draws nothing.
"""

import secrets
from collections.abc import Mapping, Sequence

from mezzotint.engine.spoken import inversions_of
from mezzotint.engine.written import written
from mezzotint.families.registry import find
from mezzotint.families.shelf import VARIABLE, folders, on_shelf
from mezzotint.values.adapters import Named, from_flag, in_prompt, inversion_from_flag, no_other_tags
from mezzotint.values.errors import ModelNotFound
from mezzotint.values.guide_text import with_guides
from mezzotint.values.options import assemble
from mezzotint.values.recipe import AdapterUse, ModelUse, PartUse, Recipe

DIALECT = "a1111"
"""The language of prompts where the user names none; a recipe that names none has `plain` ones."""
SEEDS = 2**32
"""Seeds that are chosen for the user are below this, short enough to type."""
_LISTS = frozenset({"guide", "lora", "embedding", "parts", "style"})
"""What a recipe is made with beside its flat options."""


def compose(
    prompt: str,
    *,
    negative: str | None = None,
    clip_skip: int | None = None,
    dialect: str | None = None,
    emphasis: str | None = None,
    pad: str | None = None,
    model: str | None = None,
    prediction: str | None = None,
    zero_snr: str | None = None,
    sampler: str | None = None,
    eta: float | None = None,
    s_noise: float | None = None,
    s_churn: float | None = None,
    s_tmin: float | None = None,
    s_tmax: float | None = None,
    order: int | None = None,
    restarts: int | None = None,
    spacing: str | None = None,
    rho: float | None = None,
    shift: float | None = None,
    sigmas: Sequence[float] | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    tile: int | None = None,
    tile_overlap: int | None = None,
    tile_window: str | None = None,
    seamless: str | None = None,
    decode_tile: int | None = None,
    seed: int | None = None,
    width: int | None = None,
    height: int | None = None,
    numerics: str | None = None,
    precision: str | None = None,
    noise: str | None = None,
    noise_gpu: str | None = None,
    noise_index: int | None = None,
    noise_batch: int | None = None,
    ensd: int | None = None,
    variation_seed: int | None = None,
    variation_strength: float | None = None,
    seed_resize: str | None = None,
    guide: Sequence[str] | None = None,
    lora: Sequence[str] | None = None,
    embedding: Sequence[str] | None = None,
    parts: Sequence[str] | None = None,
    style: Sequence[str] | None = None,
) -> Recipe:
    """The recipe of one picture; None takes the family's default, and a random seed for `seed`.

    `guide` are guides as `NAME` or `NAME:VALUE,FIELD=VALUE`, which work behind `guidance` in their order.
    `lora` are adapters as `FILE` or `FILE:0.8`; `<lora:NAME:0.8>` in the prompt names one in the model folders.
    `embedding` are textual inversions as `FILE` or `NAME=FILE`; those of the model folders answer to their names.
    `parts` are files of an autoencoder or of text encoders that are used instead of the model's own.
    `dialect` None is A1111's. `{a|b}` and `__name__` are chosen with the seed, unless the dialect is `plain`; `style`
    are names in the `styles.csv` of the model folders.
    Raises BadValue and UnknownName for values no recipe may have, and what finding the model raises.
    """
    # The options by name; a test holds the parameters equal to them.
    flat: dict[str, object] = {name: value for name, value in locals().items() if name not in _LISTS}
    flat["sigmas"] = None if sigmas is None else tuple(sigmas)
    return compose_flat(flat, lora or (), embedding or (), guide or (), parts or (), style or ())


def compose_flat(
    flat: Mapping[str, object],
    lora: Sequence[str] = (),
    embedding: Sequence[str] = (),
    guide: Sequence[str] = (),
    parts: Sequence[str] = (),
    style: Sequence[str] = (),
) -> Recipe:
    """`compose` for surfaces that hold the options of `values.options` as a mapping by name; None is absent."""
    seed = flat.get("seed")
    flat = {**flat, "dialect": flat.get("dialect") or DIALECT}
    flat["seed"] = secrets.randbelow(SEEDS) if seed is None else seed
    flat = written(flat, style)
    text, named = in_prompt(str(flat.get("prompt") or ""))
    if flat["dialect"] == DIALECT:
        no_other_tags(text)
    adapters = (*map(from_flag, lora), *(_found(name) for name in named))
    files = tuple(PartUse(file=file) for file in parts)
    use = {
        "base": flat.get("model"),
        "prediction": flat.get("prediction"),
        "zero_snr": flat.get("zero_snr"),
        "parts": files,
    }
    located = find(ModelUse.model_validate({k: v for k, v in use.items() if v is not None}))
    family = located.family.defaults
    defaults: dict[str, object] = {
        "clip_skip": family.clip_skip,
        "sampler": family.sampler,
        "spacing": family.spacing,
        "steps": family.steps,
        "guidance": family.guidance,
        "width": family.width,
        "height": family.height,
        "variation_seed": secrets.randbelow(SEEDS) if flat.get("variation_strength") else None,
    }
    source = flat.pop("source", None)
    recipe = with_guides(assemble({**flat, "prompt": text} if named else flat, defaults), guide)
    if source is not None:
        recipe = recipe.model_copy(update={"prompt": recipe.prompt.model_copy(update={"source": source})})
    inversions = inversions_of(recipe.prompt, tuple(map(inversion_from_flag, embedding)), located.family)
    if parts:
        (one,) = recipe.passes
        model = one.model.model_copy(update={"parts": files})
        recipe = recipe.model_copy(update={"passes": (one.model_copy(update={"model": model}),)})
    if not adapters and not inversions:
        return recipe
    return recipe.model_copy(update={"adapters": adapters, "inversions": inversions})


def compose_series(
    flat: Mapping[str, object],
    count: int,
    lora: Sequence[str] = (),
    embedding: Sequence[str] = (),
    guide: Sequence[str] = (),
    parts: Sequence[str] = (),
    style: Sequence[str] = (),
) -> list[Recipe]:
    """`count` recipes of a series, from the first one upwards, each with what its own seed chooses."""
    first = compose_flat(flat, lora, embedding, guide, parts, style)
    series = [first.following(place) for place in range(count)]
    if first.prompt.source is None:
        return series
    chosen = [
        compose_flat({**flat, "seed": one.seed}, lora, embedding, guide, parts, style) for one in series
    ]
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
    return AdapterUse(file=str(path), weight=named.weight)
