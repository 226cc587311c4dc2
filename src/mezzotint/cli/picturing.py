"""What the verbs that start from pictures take: their own flags first, then those of every recipe.

Gives the flags and the checked values of `edit`, `inpaint`, `outpaint`, `control`, `vary` and `upscale`, before torch
is imported. The flags of a recipe are those of `cli.drawing`, so a new option needs no line here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mezzotint.cli import drawing
from mezzotint.cli.flags import Flag, WrongUse, word
from mezzotint.cli.inputs import Inputs, inputs, one_target, spared, targets
from mezzotint.cli.output import Output, output
from mezzotint.values.errors import BadPicture, BadValue
from mezzotint.values.options import OPTIONS
from mezzotint.values.source import MAX_EXTENSION

SIDES = ("left", "top", "right", "bottom")
_GIVEN_AS_WORDS = frozenset({"prompt", "image"})
_MAY_BE_READ = frozenset({"vary", "upscale"})
"""The verbs that may find the prompt in the picture."""
COMPANIONS: Mapping[str, str] = MappingProxyType({"mask": "mask", "depth": "picture of depth"})
"""The options that name a picture which goes with each one, and what that is: a folder holds one for each of many."""
MOST_ENLARGED = 8


@dataclass(frozen=True)
class Way:
    """One verb: its `name`, which also ends the names of its files; its `own` flags; the recipe flags that are shown
    `first`; and what it `assumes` where the user says nothing."""

    name: str
    own: tuple[Flag, ...] = ()
    first: tuple[str, ...] = ()
    assumes: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def flags(self) -> tuple[Flag, ...]:
        """All flags of the verb, in the order of its help."""
        optional = self.name in _MAY_BE_READ
        names = "PICTURE ... [PROMPT]" if optional else "PICTURE ... PROMPT"
        told = "its own recipe without one" if optional else "in quotes"
        words = word("words", tuple[str, ...], f"pictures or a folder of them, then what to draw ({told})")
        helps = {
            f.name: f"{f.help}; a folder holds one for each" for f in drawing.FLAGS if f.name in COMPANIONS
        }
        helps["output"] = f"file, or folder of many, to write to (PICTURE-{self.name}.png)"
        rest = [
            replace(f, help=helps.get(f.name, f.help)) for f in drawing.FLAGS if f.name not in _GIVEN_AS_WORDS
        ]
        first = [replace(f, group=self.name) for name in self.first for f in rest if f.name == name]
        return (
            replace(words, shown=names),
            *(replace(flag, group=self.name) for flag in self.own),
            *first,
            *(flag for flag in rest if flag.name not in self.first),
        )

    def checked(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """`given` with `inputs` (Inputs), `options` (by name, without the picture), `jobs` (the files of each picture)
        and `output` (an Output, None for several pictures). Raises MezzotintError."""
        found = inputs(given["words"])
        if found.prompt is None and self.name not in _MAY_BE_READ:
            hint = f'say it behind the pictures: mezzotint {self.name} picture.png "a red apple"'
            raise WrongUse("PROMPT is missing", hint=hint)
        options = {option.name: given.get(option.name) for option in OPTIONS} | _sides(given)
        options |= {name: value for name, value in self.assumes.items() if options[name] is None}
        options["prompt"] = found.prompt
        _check_by(given)
        _check_companions(options)
        stand_in = {"prompt": found.prompt or "a picture", "image": str(found.pictures[0])}
        count = given["count"]
        if not 1 <= count <= drawing.MOST:
            raise BadValue("count", f"{count} is out of range", f"use 1 to {drawing.MOST}")
        drawing.checked_recipe(given, {**options, **stand_in})
        single, jobs = self._files(found, given)
        return MappingProxyType(
            {**given, "inputs": found, "options": options, "output": single, "jobs": jobs}
        )

    def _files(
        self, found: Inputs, given: Mapping[str, Any]
    ) -> tuple[Output | None, tuple[tuple[Path, ...], ...]]:
        """The files of each picture, and the Output of a single one."""
        originals = (
            *found.pictures,
            *drawing.originals_of(given, {"image": None} | {name: given[name] for name in COMPANIONS}),
        )
        count, overwrite = given["count"], given["overwrite"]
        if not found.several:
            wished = one_target(found.pictures[0], given["output"], self.name)
            spared([wished], originals)
            single = output(wished, "", overwrite, count)
            jobs = (single.pictures,)
            spared(single.files, originals)
        else:
            single = None
            wishes = targets(found, given["output"], self.name)
            jobs = tuple(_counted(wish, count) for wish in wishes)
            if overwrite:
                spared((file for files in jobs for file in files), originals)
        return single, jobs


def _counted(wish: Path, count: int) -> tuple[Path, ...]:
    if count == 1:
        return (wish,)
    return tuple(wish.with_name(f"{wish.stem}-{number}{wish.suffix}") for number in range(1, count + 1))


def _sides(given: Mapping[str, Any]) -> dict[str, object]:
    """The option `extend` of what was said of single sides. Raises BadValue for no new space at all."""
    if "left" not in given:
        return {}
    single = tuple(given[side] for side in SIDES)
    whole = given["extend"]
    if whole is not None and any(side is not None for side in single):
        raise BadValue("extend", "is given, and single sides too", "use one of both")
    for side in SIDES:
        if not 0 <= (given[side] or 0) <= MAX_EXTENSION:
            raise BadValue(side, f"{given[side]} is out of range", f"use 0 to {MAX_EXTENSION} pixels")
    extend = whole or tuple(side or 0 for side in single)
    if not any(extend):
        raise BadValue("extend", "there is no new space", "say where, as in --right 32")
    return {"extend": extend}


def _check_by(given: Mapping[str, Any]) -> None:
    by = given.get("by")
    if by is not None and not 1 <= by <= MOST_ENLARGED:
        raise BadValue("by", f"{by:g} is out of range", f"use 1 to {MOST_ENLARGED}")


def _check_companions(options: Mapping[str, Any]) -> None:
    """Raises BadPicture for one that is nowhere, which would be told of each picture."""
    for name, what in COMPANIONS.items():
        file = options[name]
        if file and not _there(Path(file)):
            told = f"there is no such {what}, and no folder of them"
            raise BadPicture(file, told, f"check the path behind --{name}")


def _there(path: Path) -> bool:
    try:
        return path.expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # no name at all, or the home of nobody
        return False


_ALWAYS = ("output", "model", "steps", "seed", "count")

EDIT = Way("edit", first=("strength", "negative", "fit", *_ALWAYS))
INPAINT = Way(
    "inpaint",
    first=("mask", "strength", "mask_invert", "mask_grow", "mask_blur", "mask_fill", "mask_area", *_ALWAYS),
)
OUTPAINT = Way(
    "outpaint",
    own=tuple(Flag(side, int, f"pixels of new space, {side}") for side in SIDES),
    first=("extend", "strength", "mask_grow", "mask_blur", "mask_fill", "mask_area", *_ALWAYS),
    assumes=MappingProxyType(
        # The seam has to lie in the old picture, where both sides of it are known.
        {"strength": 1.0, "mask_grow": 4, "mask_blur": 2.0, "mask_fill": "surround"}
    ),
)
CONTROL = Way("control", first=("control", "negative", *_ALWAYS))
VARY = Way("vary", first=("variation_strength", "variation_seed", "strength", "mix", *_ALWAYS))
UPSCALE = Way(
    "upscale",
    own=(Flag("by", float, "how many times larger", 2.0),),
    first=("upscaler", "strength", "redraw", "tile", *_ALWAYS),
)
