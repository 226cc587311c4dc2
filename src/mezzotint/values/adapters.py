"""How people write adapters: `FILE:0.8` and `NAME=FILE` as flags, `<lora:NAME:0.8>` in a prompt.

Takes text. Gives files, names and strengths, and the prompt without its tags. Opens no file and looks none up.
"""

import re
from dataclasses import dataclass
from pathlib import PurePath

from mezzotint.values.errors import BadValue, shorten
from mezzotint.values.recipe import AdapterUse, InversionUse

_NUMBER = r"[+-]?(?:\d{1,4}(?:\.\d{0,20})?|\.\d{1,20})"
_FLAG = re.compile(f"(.+):({_NUMBER})", re.DOTALL)
_TAG = re.compile(r"<(?:lora|lyco):([^<>]{1,4096})>")

_OTHER_TAG = re.compile(r"<\w{1,40}:[^<>]{1,4096}>")


@dataclass(frozen=True)
class Named:
    """An adapter as a prompt names it: by the name of its file without ending, below a model folder."""

    name: str
    weight: float


def from_flag(text: str) -> AdapterUse:
    """The adapter of `FILE` or `FILE:WEIGHT`. Raises BadValue."""
    found = _FLAG.fullmatch(text)
    return AdapterUse(file=found[1], weight=float(found[2])) if found else AdapterUse(file=text)


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
    name, colon, weight = inside.partition(":")
    if not name or (colon and not re.fullmatch(_NUMBER, weight)):
        raise BadValue(
            "prompt",
            f"holds <lora:{shorten(inside, 40)}>, which is not understood",
            "write <lora:NAME> or <lora:NAME:0.8>",
        )
    return Named(name, float(weight) if colon else 1.0)


def tag(use: AdapterUse) -> str:
    """`use` as other programs write it into a prompt: by the name of its file, with its strength."""
    return f"<lora:{PurePath(use.file).stem}:{repr(use.weight).removesuffix('.0')}>"
