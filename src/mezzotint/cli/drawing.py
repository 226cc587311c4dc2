"""What `mezzotint PROMPT` takes: the flags of a recipe and of the command, checked before torch is imported.

Gives the flags and the checked values. The recipe's flags come from `values.options`: a new option of a recipe
needs no line here.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag, from_option, word
from mezzotint.cli.inputs import spared
from mezzotint.cli.output import output
from mezzotint.values.adapters import from_flag, in_prompt, inversion_from_flag
from mezzotint.values.errors import BadValue
from mezzotint.values.guide_text import with_guides
from mezzotint.values.guides import KINDS
from mezzotint.values.names import NO
from mezzotint.values.options import OPTIONS, Option, assemble
from mezzotint.values.pass_text import from_text
from mezzotint.values.recipe import Recipe
from mezzotint.values.region import region_from_text
from mezzotint.values.source import mixed_from_text

MOST = 1000
"""The most pictures of one command."""

_ASSUMED: Mapping[str, object] = MappingProxyType(
    {
        "sampler": "euler",
        "spacing": "trailing",
        "steps": 1,
        "guidance": 1.0,
        "width": 8,
        "height": 8,
        "seed": 0,
    }
)
"""Stands in for a family's defaults while only the user's own values are checked."""


def group_of(option: Option) -> str:
    """Under which heading of the help an option stands."""
    if option.path[0] == "noise":
        return "noise"
    return "source" if "source" in option.path else "picture"


FLAGS: tuple[Flag, ...] = (
    word("prompt", str, "what to draw, in quotes", required=False),
    Flag("output", Path, "file or folder to write to (named after the prompt)", short="-o", group="output"),
    Flag(
        "count",
        int,
        "number of pictures, with seeds from --seed upwards, and a grid of all",
        1,
        group="output",
    ),
    Flag("overwrite", bool, "replace an existing file instead of numbering the new one", group="output"),
    Flag("quiet", bool, "print nothing but errors", short="-q", group="output"),
    *(from_option(option, group_of(option)) for option in OPTIONS if option.name != "prompt"),
    Flag(
        "then",
        str,
        "further pass over the picture, as scale=2,strength=0.5 or model=FILE,from=0.8; may be repeated",
        shown="NAME=VALUE,...",
        group="source",
        repeated=True,
    ),
    Flag(
        "guide",
        str,
        f"what else steers, in order: {', '.join(kind for kind in KINDS if kind != 'cfg')}; may be repeated",
        shown="NAME:VALUE,...",
        group="picture",
        repeated=True,
    ),
    Flag(
        "region",
        str,
        "text for a part of the picture, a box in shares of it or where a mask is white; may be repeated",
        shown="0,0,0.5,1:TEXT",
        group="picture",
        repeated=True,
    ),
    Flag(
        "lora",
        str,
        "file of a LoRA or its kin with its strength, or two (text encoder, denoiser), after colons; may be repeated",
        shown="FILE:0.8",
        group="picture",
        repeated=True,
    ),
    Flag(
        "embedding",
        str,
        "file of a textual inversion; its name, or NAME, stands for it in the prompt; may be repeated",
        shown="[NAME=]FILE",
        group="picture",
        repeated=True,
    ),
    Flag(
        "control",
        str,
        "ControlNet or T2I-Adapter, and the hint that it gets of --image or of a picture; may be repeated",
        shown="FILE:canny,image=FILE,weight=0.8",
        group="source",
        repeated=True,
    ),
    Flag(
        "image_prompt",
        str,
        "IP-Adapter and the picture that it takes for a prompt; may be repeated",
        shown="FILE:PICTURE,weight=0.6",
        group="source",
        repeated=True,
    ),
    Flag(
        "mix",
        str,
        "another picture that a model of variations sees beside --image, by its weight beside 1; may be repeated",
        shown="FILE:0.5",
        group="source",
        repeated=True,
    ),
    Flag(
        "vae",
        str,
        "file of an autoencoder to use instead of the model's own",
        shown="FILE",
        group="picture",
    ),
    Flag(
        "text_encoder",
        str,
        "file of a text encoder that the model lacks, or to use instead; may be repeated",
        shown="FILE",
        group="picture",
        repeated=True,
    ),
    Flag(
        "style",
        str,
        "style in styles.csv of your model folders; may be repeated",
        shown="NAME",
        group="picture",
        repeated=True,
    ),
    Flag("device", str, "cpu or cuda (the fastest there is)", shown="NAME", group="machine"),
    Flag("threads", int, "processor threads (as many as there are cores)", group="machine"),
)
"""Recipe options that are not given are decided by the model's family."""


def checked(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`given` with `options` (those of the recipe, by name) and `output` (an Output) made from it.

    Raises BadValue, UnknownName and OutputFailed before anything heavy is loaded.
    """
    options = {option.name: given[option.name] for option in OPTIONS}
    count = given["count"]
    if not 1 <= count <= MOST:
        raise BadValue("count", f"{count} is out of range", f"use 1 to {MOST}")
    recipe = checked_recipe(given, options)
    recipe.following(count - 1)
    files = output(given["output"], recipe.prompt.text, given["overwrite"], count)
    spared(files.files, originals_of(given, options))
    return MappingProxyType({**given, "options": options, "output": files})


def originals_of(given: Mapping[str, Any], options: Mapping[str, Any]) -> list[Path]:
    """The pictures that a recipe starts from. Raises BadValue."""
    named = [options[name] for name in ("image", "mask", "depth") if options[name] is not None]
    return [Path(file) for file in (*named, *(mixed_from_text(text).file for text in given["mix"] or ()))]


def checked_recipe(given: Mapping[str, Any], options: Mapping[str, Any]) -> Recipe:
    """The recipe of `options` with what else the flags give, as far as it can be checked without a model.

    Raises BadValue and UnknownName.
    """
    if not (options["prompt"] or "").strip():
        raise BadValue("prompt", "is empty", 'say what to draw, as in: mezzotint "a red apple"')
    adapters = tuple(map(from_flag, given["lora"] or ()))
    for text in given["embedding"] or ():
        inversion_from_flag(text)
    for text in given["then"] or ():
        from_text(text)
    for text in given["region"] or ():
        region_from_text(text)
    for text in given["mix"] or ():
        mixed_from_text(text)
    prompt, _ = in_prompt(options["prompt"])
    assumed = {**_ASSUMED, "strength": 0.0} if options["redraw"] == NO else _ASSUMED
    recipe = assemble({**options, "prompt": prompt}, assumed).model_copy(update={"adapters": adapters})
    return with_guides(recipe, given["guide"] or ())
