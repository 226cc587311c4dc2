"""How people write controls and image prompts.

They are `FILE:canny,image=photo.png,weight=0.8` and `FILE:photo.png,weight=0.5`. Takes text, gives the uses of
`values.controls`, in the form of `values.worded`: what stands behind the file follows from the fields below. A hint's
own settings are joined by `+`: `hint=canny:low=50+high=120`. Opens no file.
"""

import re
from typing import Annotated

from pydantic import StringConstraints

from mezzotint.values.controls import (
    Blocks,
    ControlUse,
    FormName,
    ImagePromptUse,
    KindName,
    ModeName,
    Share,
    Weight,
)
from mezzotint.values.errors import BadValue
from mezzotint.values.source import PathText, PictureUse
from mezzotint.values.value import Value
from mezzotint.values.worded import fields_of, from_words

_PARTS = re.compile(r"((?:[A-Za-z]:(?=[\\/]))?[^:]*):?(.*)", re.DOTALL)
"""A file, which may begin with the letter of a drive, and what stands behind its colon."""


class _Control(Value):
    """What may be said of a control, in the order in which names may be left out."""

    hint: Annotated[str, StringConstraints(max_length=1000)] | None = None
    image: PathText | None = None
    weight: Weight = 1.0
    start: Share = 0.0
    stop: Share = 1.0
    mode: ModeName = ControlUse.model_fields["mode"].default
    blocks: Blocks | None = None
    shows: KindName | None = None
    fidelity: Share | None = None
    form: FormName | None = None


class _ImagePrompt(Value):
    """What may be said of an image prompt; several pictures are joined by `+`."""

    image: tuple[PathText, ...] = ()
    weight: Weight = 1.0
    start: Share = 0.0
    stop: Share = 1.0
    mask: PathText | None = None
    encoder: PathText | None = None


def control_from_text(text: str) -> ControlUse:
    """The control that `text` writes. Raises BadValue and UnknownName, naming the field."""
    file, rest = _split("control", text)
    first = rest.partition(",")[0].partition("=")[0]
    # A hint's setting has an equals sign, too: canny:low=50.
    rest = f"hint={rest}" if rest and first not in fields_of(_Control) else rest
    said = from_words("control", "control", rest, _Control)
    hint = None if said.hint is None else said.hint.replace("+", ",")
    return ControlUse(
        file=file,
        picture=_picture(said.image),
        hint=hint,
        weight=said.weight,
        start=said.start,
        stop=said.stop,
        mode=said.mode,
        blocks=said.blocks,
        shows=said.shows,
        fidelity=said.fidelity,
        form=said.form,
    )


def image_prompt_from_text(text: str) -> ImagePromptUse:
    """The image prompt that `text` writes. Raises BadValue and UnknownName, naming the field."""
    file, rest = _split("image_prompt", text)
    said = from_words("image_prompt", "image_prompt", rest, _ImagePrompt)
    if not said.image:
        raise BadValue("image_prompt", "names no picture", "write FILE:photo.png")
    return ImagePromptUse(
        file=file,
        pictures=tuple(PictureUse(file=one) for one in said.image),
        encoder=said.encoder,
        weight=said.weight,
        start=said.start,
        stop=said.stop,
        mask=_picture(said.mask),
    )


def _split(what: str, text: str) -> tuple[str, str]:
    found = _PARTS.fullmatch(text)
    if found is None or not found[1]:
        raise BadValue(what, "names no file", "write FILE:SETTINGS")
    return found[1], found[2]


def _picture(file: str | None) -> PictureUse | None:
    return None if file is None else PictureUse(file=file)
