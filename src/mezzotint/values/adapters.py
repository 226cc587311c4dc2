"""How people write adapters: `FILE:0.8` and `NAME=FILE` as flags, `<lora:NAME:0.8>` in a prompt.

Of two strengths the first is for the text encoders and the second for the denoiser, as web UIs have it.

Takes text. Gives files, names and strengths, and the prompt without its tags. Opens no file and looks none up.
"""

import re
from dataclasses import dataclass
from pathlib import PurePath

from mezzotint.values.errors import BadValue, shorten
from mezzotint.values.recipe import AdapterUse, InversionUse

_NUMBER = r"[+-]?(?:\d{1,4}(?:\.\d{0,20})?|\.\d{1,20})"
_FLAG = re.compile(f"(.+?)(?::({_NUMBER}))?:({_NUMBER})", re.DOTALL)
_ARGUMENTS = ("te", "unet", "dyn")
_TAG = re.compile(r"<(?:lora|lyco):([^<>]{1,4096})>")

_OTHER_TAG = re.compile(r"<\w{1,40}:[^<>]{1,4096}>")


@dataclass(frozen=True)
class Named:
    """An adapter as a prompt names it: by the name of its file without ending, below a model folder."""

    name: str
    weight: float
    text_weight: float | None = None


def from_flag(text: str) -> AdapterUse:
    """The adapter of `FILE`, `FILE:WEIGHT` or `FILE:TEXT_WEIGHT:WEIGHT`. Raises BadValue."""
    found = _FLAG.fullmatch(text)
    if found is None:
        return AdapterUse(file=text)
    return AdapterUse(
        file=found[1], weight=float(found[3]), text_weight=float(found[2]) if found[2] else None
    )


def inversion_from_flag(text: str) -> InversionUse:
    """The textual inversion of `FILE`, which answers to the name of the file, or of `NAME=FILE`. Raises BadValue."""
    name, equals, file = text.partition("=")
    if not equals or "/" in name or "\\" in name:
        return InversionUse(file=text, name=PurePath(text).stem)
    return InversionUse(file=file, name=name)


def in_prompt(prompt: str) -> tuple[str, tuple[Named, ...]]:
    """The prompt without its tags, and what they name. Raises BadValue for a tag with a strength that is no number."""
    named = tuple(_named(found[1]) for found in _TAG.finditer(prompt))
    return (re.sub(r" {2,}", " ", _TAG.sub("", prompt)).strip(), named) if named else (prompt, ())


def tags(prompt: str) -> tuple[str, ...]:
    """The tags of adapters in `prompt`, as they are written."""
    return tuple(found[0] for found in _TAG.finditer(prompt))


def other_tags(prompt: str) -> tuple[str, ...]:
    """The tags in `prompt` that name something else, as `<hypernet:NAME:1>`."""
    return tuple(found[0] for found in _OTHER_TAG.finditer(prompt) if not _TAG.fullmatch(found[0]))


def no_other_tags(prompt: str) -> None:
    """Raises BadValue for a tag that names something other than an adapter of weights, as `<hypernet:NAME:1>` does."""
    found = _OTHER_TAG.search(prompt)
    if found:
        raise BadValue(
            "prompt",
            f"holds {shorten(found[0], 40)}, which is not supported",
            "remove it, or use <lora:NAME> for LoRA and its kin",
        )


def _named(inside: str) -> Named:
    """What `NAME`, `NAME:0.8`, `NAME:TEXT:UNET` or `NAME:te=0.5:unet=0.8` names."""
    name, *arguments = inside.split(":")
    given: dict[str, str] = {}
    for place, argument in enumerate(arguments):
        key, equals, value = argument.partition("=")
        key, value = (key, value) if equals else (_ARGUMENTS[min(place, 2)], argument)
        if key not in _ARGUMENTS or key in given or not re.fullmatch(_NUMBER, value):
            raise _not_understood(inside)
        given[key] = value
    if not name:
        raise _not_understood(inside)
    if "dyn" in given:
        told = f"asks for a part of the rank of {shorten(name, 40)}, which is not supported"
        raise BadValue("prompt", told, "write <lora:NAME:0.8>")
    text = float(given.get("te", 1.0))
    weight = float(given.get("unet", text))
    return Named(name, weight, None if text == weight else text)


def _not_understood(inside: str) -> BadValue:
    told = f"holds <lora:{shorten(inside, 40)}>, which is not understood"
    return BadValue("prompt", told, "write <lora:NAME>, <lora:NAME:0.8> or <lora:NAME:TEXT:UNET>")


def tag(use: AdapterUse) -> str:
    """`use` as other programs write it into a prompt: by the name of its file, with its strength."""
    weights = [use.weight] if use.text_weight is None else [use.text_weight, use.weight]
    return f"<lora:{':'.join([PurePath(use.file).stem, *(repr(w).removesuffix('.0') for w in weights)])}>"
