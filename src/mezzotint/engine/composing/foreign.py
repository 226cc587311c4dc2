"""The nearest recipe to the settings that another program left in a picture, and what of them it does not say.

Takes an infotext (`values.infotext`) and the model to draw with. Gives a `Carried`. Settings that are read but that no
recipe can hold, and those that nobody here knows, are told one by one and never raise. Reads headers and hashes only.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from mezzotint.engine.composing.compose import DIALECT, Lists, compose_flat
from mezzotint.engine.stages import planned, tuning
from mezzotint.families.family import Family
from mezzotint.families.registry import find
from mezzotint.families.shelf import folders, on_shelf
from mezzotint.values.adapters import in_prompt, other_tags, tags
from mezzotint.values.errors import Ambiguous, BadValue, MezzotintError, shorten
from mezzotint.values.infotext import Infotext, options
from mezzotint.values.infotext_source import passes
from mezzotint.values.infotext_walk import guides
from mezzotint.values.options import OPTIONS, Option
from mezzotint.values.recipe import ModelUse, Recipe

USUAL = "mini"
"""The model that draws where nobody names one and none of the name in the picture is in the model folders."""
MOST_LARGER = 4
"""How many times as many pixels as its model draws by itself a picture keeps."""


@dataclass(frozen=True)
class Note:
    """One `setting` of the picture with its `value`, and what became of it, in a few words."""

    setting: str
    value: str
    told: str

    def __str__(self) -> str:
        return f"{self.setting}: {shorten(self.value, 60)}: {self.told}"


@dataclass(frozen=True)
class Carried:
    """The nearest `recipe`, and a note for everything that it does not say as the picture does."""

    recipe: Recipe
    notes: tuple[Note, ...]


ABOUT: frozenset[str] = frozenset(
    {
        "Version", "User", "Model", "Model hash", "VAE hash", "Lora hashes", "TI hashes", "Hashes", "Created Date",
        "Civitai resources", "Civitai metadata",
    }
)  # fmt: skip
"""Settings that say what was there and change no picture by themselves."""
OFF: frozenset[str] = frozenset({"", "0", "0.0", "False", "None", "none", "Disabled", "Automatic"})
"""Values that say that a setting is not in use."""
AS_HERE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "RNG": frozenset({"GPU", "NV"}),
        "Clip skip": frozenset({"1"}),
        "Emphasis": frozenset({"Original"}),
        "VAE Encoder": frozenset({"Full"}),
        "VAE Decoder": frozenset({"Full"}),
        "sag_threshold": frozenset({"1", "1.0"}),
    }
)
"""Values that ask for what is done here anyway."""
TWICE = ("PerturbedAttentionGuidance_", "sag_")
"""How settings begin that say again, for extensions, what our own "Guides" say."""
REASONS: tuple[tuple[str, str], ...] = (
    ("Sampler", "is no sampler here"),
    ("Hires sampler", "is no sampler here"),
    ("Schedule type", "is no spacing here"),
    ("Hires schedule type", "is no spacing here"),
    ("Hires upscaler", "is not here, Lanczos enlarges"),
    ("Hires checkpoint", "another model is not looked for"),
    ("Denoising strength", "the picture that it started from is not in the file; give it with --image"),
    ("Init image hash", "the picture that it started from is not in the file; give it with --image"),
    ("Mask", "masks are not in the file"),
    ("Inpaint", "masks are not in the file"),
    ("Conditional mask", "masks are not in the file"),
    ("ControlNet", "the picture that it followed is not in the file; see --control"),
    ("Refiner", "is not in the model folders, or not alone"),
    ("VAE", "the model's own autoencoder draws; --vae of `mezzotint PROMPT` takes another"),
    ("Face restoration", "nothing mends faces here"),
    ("Token merging", "is not done here"),
    ("NGMS", "guidance is not skipped here"),
    ("ADetailer", "is an extension that is not here"),
    ("SD upscale", "the picture that it started from is not in the file"),
    ("Ultimate SD upscale", "the picture that it started from is not in the file"),
    ("Postprocess", "see `mezzotint upscale`"),
)
"""Why settings are not carried, by how their names begin; the first that fits counts."""
NOT_KNOWN = "is not known here"


def nearest(found: Infotext, model: str | None = None, image: Path | None = None) -> Carried:
    """The recipe that comes nearest to `found` on `model`: the one of the name in the picture where None is given and
    the model folders hold it, else the embedded one. `image` is the picture that it started from, where it did.

    Raises what finding the model raises, and BadPicture for `image`.
    """
    base, notes = _model(found, model)
    family = find(ModelUse(base=base)).family
    flat, refused = _checked({**options(found), "model": base}, family)
    flat, resized = _sized(flat, family)
    lists, dropped = _lists(found, flat)
    told = (*notes, *refused, *resized, *dropped)
    if image is not None:
        flat = {**flat, "image": str(image), "strength": _share(found)}
    recipe, unfit = _fitting(flat, lists, family)
    notes = (*told, *unfit)
    heard = {note.setting.casefold() for note in notes}
    silent = [note for note in _silent(found, image is not None) if note.setting.casefold() not in heard]
    return Carried(recipe, (*notes, *silent))


def _fitting(flat: dict[str, object], lists: Lists, family: Family) -> tuple[Recipe, tuple[Note, ...]]:
    """The recipe without the options that do not go together, and notes on these."""
    notes: list[Note] = []
    while True:
        try:
            recipe = _composed(flat, lists)
            for use in recipe.passes:
                tuning(use)
                planned(family.path, use)
            return recipe, tuple(notes)
        except BadValue as error:
            if error.field not in flat or error.field in ("model", "image", "prompt"):
                raise
            notes.append(Note(error.field.replace("_", " "), f"{flat.pop(error.field)}", _what(error)))


def _what(error: BadValue) -> str:
    """What is wrong, without the name of the field."""
    return error.message.removeprefix(f"{error.field}: ")


def _model(found: Infotext, model: str | None) -> tuple[str, tuple[Note, ...]]:
    """The base to draw with, and what is to be told of it."""
    named = found.params.get("Model", "")
    if model is None and named:
        try:
            path = on_shelf(named, folders())
        except Ambiguous:
            path = None
        model = None if path is None else str(path)
    base = model or USUAL
    same = named in (base, Path(base).name, Path(base).stem)
    return base, () if same or not named else (Note("Model", named, f"drawn with {shorten(base, 60)}"),)


_BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})


def _checked(flat: Mapping[str, object], family: Family) -> tuple[dict[str, object], tuple[Note, ...]]:
    """The options that a recipe may have, and notes on the others."""
    kept: dict[str, object] = {}
    notes: list[Note] = []
    for name, value in flat.items():
        option = _BY_NAME[name]
        least, most = option.minimum, option.maximum
        number = value if isinstance(value, int | float) else None
        within = number is None or ((least is None or number >= least) and (most is None or number <= most))
        if not within and name not in ("width", "height"):
            notes.append(Note(name.replace("_", " "), f"{value}", f"is not {least:g} to {most:g}"))
            continue
        if name == "clip_skip" and isinstance(value, int):
            try:
                family.text.skipped(value)
            except BadValue as error:
                notes.append(Note("Clip skip", f"{value}", _what(error)))
                continue
        kept[name] = value
    return kept, tuple(notes)


def _sized(flat: Mapping[str, object], family: Family) -> tuple[dict[str, object], tuple[Note, ...]]:
    """The options with sides that the model can draw."""
    width, height = flat.get("width"), flat.get("height")
    if not isinstance(width, int) or not isinstance(height, int) or not width or not height:
        return {k: v for k, v in flat.items() if k not in ("width", "height")}, ()
    own, every = family.defaults, max(8, family.multiple)
    scale = 1.0
    if width * height > MOST_LARGER * own.width * own.height or max(width, height) > 4096:
        scale = (own.width * own.height / (width * height)) ** 0.5
    sides = [min(4096, max(1, round(side * scale / every)) * every) for side in (width, height)]
    made = {**flat, "width": sides[0], "height": sides[1]}
    if sides == [width, height]:
        return made, ()
    return made, (
        Note("Size", f"{width}x{height}", f"drawn at {sides[0]}x{sides[1]}, as {family.title} can"),
    )


def _share(found: Infotext) -> float:
    """The strength of image-to-image."""
    text = found.params.get("Denoising strength", "")
    return float(text) if re.fullmatch(r"0?\.[0-9]{1,20}|[01](\.0{1,20})?", text) else 0.75


def _lists(found: Infotext, flat: dict[str, object]) -> tuple[Lists, tuple[Note, ...]]:
    """What may be given several times. Tags of adapters are taken out of the prompt in `flat`; told of are those whose
    files are not there."""
    notes: list[Note] = []
    loras: list[str] = []
    for tag in tags(found.prompt):
        try:
            _, (named,) = in_prompt(tag)
            path = on_shelf(named.name, folders())
        except MezzotintError as error:
            notes.append(Note("Prompt", tag, error.message))
            continue
        if path is None:
            notes.append(Note("Prompt", tag, "no such file in the model folders"))
            continue
        text = named.weight if named.text_weight is None else named.text_weight
        loras.append(f"{path}:{text:g}:{named.weight:g}")
    for tag in other_tags(found.prompt):
        notes.append(Note("Prompt", tag, "is not supported"))
    if tags(found.prompt) or other_tags(found.prompt):
        flat["prompt"] = without_tags(found.prompt)
    then, more = _then(found)
    return Lists(guide=guides(found.params), lora=tuple(loras), then=then), (*notes, *more)


def without_tags(prompt: str) -> str:
    """`prompt` without anything in it that names a file for the weights."""
    for tag in (*tags(prompt), *other_tags(prompt)):
        prompt = prompt.replace(tag, "")
    return re.sub(r" {2,}", " ", prompt).strip()


def _then(found: Infotext) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Further passes: a hires one, or a refiner that is in the model folders."""
    further = passes(found.params)
    name, switch = found.params.get("Refiner", ""), found.params.get("Refiner switch at", "")
    if further or not name or not re.fullmatch(r"0?\.[0-9]{1,20}", switch):
        return further, ()
    try:
        path = on_shelf(re.sub(r" \[[0-9a-f]+\]$", "", name), folders())
    except Ambiguous as error:
        return (), (Note("Refiner", name, error.message),)
    return (() if path is None or "," in str(path) else (f"model={path},from={switch},unit=time",)), ()


def _composed(flat: Mapping[str, object], lists: Lists) -> Recipe:
    """The recipe. What stands in the texts is what was drawn: nothing of it is left to chance once more."""
    made = compose_flat({**flat, "dialect": "plain"}, lists)
    spoken = {"dialect": flat.get("dialect", DIALECT)}
    later = [
        use if use.prompt is None else use.model_copy(update={"prompt": use.prompt.model_copy(update=spoken)})
        for use in made.passes
    ]
    return made.model_copy(update={"prompt": made.prompt.model_copy(update=spoken), "passes": tuple(later)})


def _silent(found: Infotext, started: bool) -> Iterator[Note]:
    """A note on every setting that changes nothing of what is told to `compose`."""
    every = _told(found)
    for key, value in found.params.items():
        off = (
            value in OFF
            or value in AS_HERE.get(key, ())
            or ("Guides" in found.params and key.startswith(TWICE))
        )
        if key in ABOUT or off or (started and key == "Denoising strength"):
            continue
        less = replace(found, params={k: v for k, v in found.params.items() if k != key})
        if _told(less) == every:
            why = next((told for begin, told in REASONS if key.startswith(begin)), NOT_KNOWN)
            yield Note(key, value, why)


_READERS: tuple[Callable[[Infotext], object], ...] = (
    options,
    lambda found: passes(found.params),
    lambda found: guides(found.params),
    lambda found: _then(found)[0],
)


def _told(found: Infotext) -> tuple[object, ...]:
    return tuple(read(found) for read in _READERS)
