"""What a recipe says of pictures, completed: their hashes, the size to draw at, and the passes behind the first.

Takes flat options and recipes. Gives options and recipes. Reads the headers of pictures and hashes their files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import cast

from mezzotint.engine.composing.controlled import handed_on, known, with_pictures
from mezzotint.engine.new_space import every
from mezzotint.engine.pictures import picture_path
from mezzotint.families.family import Family
from mezzotint.families.look import MASK
from mezzotint.values import pass_text
from mezzotint.values.errors import BadValue
from mezzotint.values.guides import ImageCfg
from mezzotint.values.names import NO
from mezzotint.values.options import assemble_pass, flatten
from mezzotint.values.photo import size_of
from mezzotint.values.recipe import MAX_SIDE, Pass, Prompt, Recipe
from mezzotint.values.source import PictureUse, Source, mixed_from_text
from mezzotint.values.span import Span

IMAGE_CFG: str = ImageCfg.model_fields["kind"].default
FamilyOf = Callable[[str], Family]
"""The family of the model of a name."""


def sizes(flat: Mapping[str, object], family: Family) -> dict[str, object]:
    """Width and height to draw at where the user names none: the proportions of the picture, as many pixels as the
    family's own size has; one that is extended keeps its scale. Raises BadPicture."""
    file, known = flat.get("image"), family.defaults
    if file is None or flat.get("mask_area") == "masked":
        return {"width": known.width, "height": known.height}
    width, height = size_of(picture_path(PictureUse(file=str(file))))
    given = flat.get("width"), flat.get("height")
    if family.enlarges > 1 and given == (None, None):
        return _multiples(width * family.enlarges, height * family.enlarges, family)
    extend = cast("tuple[int, int, int, int] | None", flat.get("extend"))
    if extend is not None and any(extend):
        left, top, right, bottom = extend
        width, height = width + left + right, height + top + bottom
        if given == (None, None):
            return _whole(width, height, family)
    if isinstance(given[0], int):
        return _multiples(given[0], given[0] * height / width, family)
    if isinstance(given[1], int):
        return _multiples(given[1] * width / height, given[1], family)
    factor = math.sqrt(known.width * known.height / (width * height))
    return _multiples(width * factor, height * factor, family)


def _whole(width: int, height: int, family: Family) -> dict[str, object]:
    """The smallest drawing that such a picture has room in. Raises BadValue for one that is larger than any."""
    if max(width, height) > MAX_SIDE:
        told = f"the picture with its new space is {width}x{height}"
        hint = f"a drawing has at most {MAX_SIDE}: say --width, which scales both"
        raise BadValue("extend", told, hint)
    step = every(family)
    return {"width": math.ceil(width / step) * step, "height": math.ceil(height / step) * step}


def _multiples(width: float, height: float, family: Family) -> dict[str, object]:
    multiple = every(family)
    across, down = (max(1, round(side / multiple)) * multiple for side in (width, height))
    return {"width": across, "height": down}


def strength(family: Family, flat: Mapping[str, object]) -> float | None:
    """How much of a picture is changed where the user does not say: all of it by most models that look at it."""
    if flat.get("image") is None:
        return None
    if flat.get("redraw") == NO:
        return 0.0
    return family.strength if family.needs else Source.model_fields["strength"].default


def checked_mask(recipe: Recipe, family: Family) -> Recipe:
    """`recipe`. Raises BadValue for a mask that a model needs and nobody gave, unless some of the picture is left
    anyway: then all of it is drawn over."""
    source = recipe.passes[0].source
    if source is None or source.strength < 1 or source.mask is not None or source.extended:
        return recipe
    if MASK in family.needs:
        told = f"{family.title} needs to know where to draw"
        raise BadValue("mask", told, "give a picture that is white there with --mask, or --extend")
    return recipe


def with_mixed(recipe: Recipe, texts: Sequence[str]) -> Recipe:
    """`recipe`, whose first pass sees the pictures of `texts` beside its own. Raises BadValue."""
    if not texts:
        return recipe
    first, *others = recipe.passes
    if first.source is None:
        raise BadValue("mix", "there is no picture to mix others with", "give one with --image")
    source = first.source.model_copy(update={"mixed": tuple(map(mixed_from_text, texts))})
    return recipe.model_copy(update={"passes": (first.model_copy(update={"source": source}), *others)})


def hashed(recipe: Recipe) -> Recipe:
    """`recipe` with the hash of every picture that it names, so that it says what it draws from. Raises BadPicture."""
    passes = tuple(map(_hashed, recipe.passes))
    return recipe.model_copy(update={"passes": passes, "prompt": _regions_hashed(recipe.prompt)})


def _regions_hashed(prompt: Prompt) -> Prompt:
    masked = [
        one if one.mask is None else one.model_copy(update={"mask": known(one.mask)})
        for one in prompt.regions
    ]
    return prompt.model_copy(update={"regions": tuple(masked)}) if prompt.regions else prompt


def _hashed(use: Pass) -> Pass:
    use = use.model_copy(update=with_pictures(use, known))
    source = use.source
    if source is None:
        return use
    if source.picture is not None:
        source = source.model_copy(update={"picture": known(source.picture)})
    if source.depth is not None:
        source = source.model_copy(update={"depth": known(source.depth)})
    source = source.model_copy(update={"mixed": tuple(map(known, source.mixed))}) if source.mixed else source
    if source.mask is not None and source.mask.picture is not None:
        picture = known(source.mask.picture)
        source = source.model_copy(update={"mask": source.mask.model_copy(update={"picture": picture})})
    return use.model_copy(update={"source": source})


def guides(family: Family, given: Sequence[str]) -> Sequence[str]:
    """The guides of a pass as people write them: what they gave, and guidance by the picture where the family has it
    and nobody spoke of it."""
    scale = family.defaults.picture
    if scale is None or speaks_of(given, IMAGE_CFG):
        return given
    return (f"{IMAGE_CFG}:{scale:g}", *given)


def speaks_of(guides: Sequence[str], kind: str) -> bool:
    """Whether a guide of this kind is among those that people wrote."""
    return any(text.partition(":")[0] == kind for text in guides)


def followed(recipe: Recipe, texts: Sequence[str], family: Family, family_of: FamilyOf) -> Recipe:
    """`recipe`, of a model of `family`, with a pass for each of `texts` behind its own. Raises BadValue, UnknownName
    and what `family_of` does."""
    passes = list(recipe.passes)
    for text in texts:
        given = _of_one_kind(pass_text.from_text(text))
        start = given.get(pass_text.FROM)
        other = given.get("model")
        after = _after(recipe, given, family if other is None else family_of(str(other)))
        if isinstance(start, float):
            unit = given.get(pass_text.UNIT, "steps")
            before = passes[-1].span
            passes[-1] = passes[-1].model_copy(
                update={"span": Span.model_validate({"start": before.start, "stop": start, "unit": unit})}
            )
            span = Span.model_validate({"start": start, "unit": unit})
            after = after.model_copy(update={"source": Source(start="kept"), "span": span})
        passes.append(_hashed(after))
    return recipe.model_copy(update={"passes": tuple(passes)})


def _of_one_kind(given: Mapping[str, object]) -> Mapping[str, object]:
    """`given` of a pass: one that goes on where another one stopped has no source that options could speak of. Raises
    BadValue."""
    if pass_text.FROM not in given:
        if pass_text.UNIT in given:
            raise BadValue(pass_text.UNIT, "says how from is counted, and that is missing", "give both")
        return given
    for name in given:
        of_source = name in pass_text.FIELDS and "source" in pass_text.FIELDS[name].path
        if of_source or name == pass_text.MIX:
            told = "has no use in a pass that goes on where another one stopped"
            raise BadValue(name, told, "leave it out, or leave from out")
    return given


def _after(recipe: Recipe, given: Mapping[str, object], family: Family) -> Pass:
    """The pass that `given` describes, of a model of `family`: as the first one, or, with another model, as that model
    draws by itself."""
    first = recipe.passes[0]
    own = {name: value for name, value in given.items() if name in pass_text.FIELDS}
    model = own.get("model")
    if model is None:
        plain = first.model_copy(update={"source": None, "span": Span(), "sigmas": None, "controls": ()})
        defaults = flatten(recipe.model_copy(update={"passes": (plain,)}))
    else:
        known = family.defaults
        defaults = {
            "sampler": known.sampler,
            "spacing": known.spacing,
            "steps": known.steps,
            "guidance": known.guidance,
        }
    strength = family.strength if family.needs else pass_text.STRENGTH
    strength = 0.0 if own.get("redraw") == NO else strength
    made = assemble_pass({"strength": strength, **own}, defaults)
    update: dict[str, object] = {"scale": given.get(pass_text.SCALE, 1.0)}
    if pass_text.MIX in given and made.source is not None:
        mixed = tuple(map(mixed_from_text, str(given[pass_text.MIX]).split("+")))
        update["source"] = made.source.model_copy(update={"mixed": mixed})
    if model is not None and family.defaults.picture is not None:
        update["guides"] = (*made.guides, ImageCfg(scale=family.defaults.picture))
    if model is None:
        update["model"] = first.model
        update["guides"] = _guides(first, made, own)
        update.update(handed_on(first))
    if pass_text.PROMPT in given or pass_text.NEGATIVE in given:
        update["prompt"] = _prompt(recipe.prompt, given)
    return made.model_copy(update=update)


def _guides(first: Pass, made: Pass, own: Mapping[str, object]) -> tuple[object, ...]:
    """The guides of the first pass, with the scale that was given for this one."""
    if own.get("guidance") is None:
        return first.guides
    return (*made.guides, *(guide for guide in first.guides if guide.kind != "cfg"))


def _prompt(prompt: Prompt, given: Mapping[str, object]) -> Prompt:
    texts = {"text": given.get(pass_text.PROMPT), "negative": given.get(pass_text.NEGATIVE), "source": None}
    update = {name: value for name, value in texts.items() if value is not None or name == "source"}
    return prompt.model_copy(update=update)
