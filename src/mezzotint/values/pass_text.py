"""How people write a further pass: `scale=2,strength=0.5,steps=10`.

Takes text, gives flat options by name. What may be written follows from the options that lead into a pass, so a new
option of a pass needs no line here. Knows no family.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args, get_origin

from mezzotint.values.errors import BadValue, UnknownName, shorten
from mezzotint.values.options import OPTIONS, Option

SCALE, FROM, UNIT, MIX, PROMPT, NEGATIVE = "scale", "from", "unit", "mix", "prompt", "negative"
OWN: Mapping[str, type] = MappingProxyType(
    {SCALE: float, FROM: float, UNIT: str, MIX: str, PROMPT: str, NEGATIVE: str}
)
"""What is no option of a pass by itself: how much larger a further one draws; from which part of the way it goes on,
counted in steps or time; the pictures that it sees beside what was drawn, joined by `+`; and texts of its own."""
STRENGTH = 0.5
"""How much of the picture a further pass changes where nothing is said."""


def of_pass(option: Option) -> bool:
    """Whether an option leads into a pass."""
    return option.path[0] == "passes"


FIELDS: Mapping[str, Option] = MappingProxyType(
    {option.name: option for option in OPTIONS if of_pass(option)}
)
"""The options that a pass has, by name."""


def from_text(text: str) -> dict[str, object]:
    """What `text` says of a pass, by name. Behind `prompt=` and `negative=` stands a text that goes on to the next of
    them, with all its commas. Raises BadValue and UnknownName."""
    known = (*OWN, *FIELDS)
    given: dict[str, object] = {}
    for part in _parts(text):
        name, equals, value = part.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise BadValue(
                "then", f"'{shorten(part)}' is not NAME=VALUE", "write it as in scale=2,strength=0.5"
            )
        if name not in known:
            raise UnknownName("option of a pass", name, known)
        if name in given:
            raise BadValue(name, "is given twice for one pass", "keep one of them")
        given[name] = _read(name, value.strip())
    return given


def _parts(text: str) -> list[str]:
    parts: list[str] = []
    for part in text.split(","):
        name = part.partition("=")[0].strip() if "=" in part else ""
        inside = parts and parts[-1].partition("=")[0].strip() in (PROMPT, NEGATIVE)
        if inside and name not in (PROMPT, NEGATIVE):
            parts[-1] += f",{part}"
        elif part.strip():
            parts.append(part)
    return parts


def _read(name: str, text: str) -> object:
    kind = FIELDS[name].type if name in FIELDS else OWN[name]
    if get_origin(kind) is tuple:
        return tuple(_number(name, part, get_args(kind)[0]) for part in text.split("+"))
    if name == FROM:
        return _share(text)
    return text if kind is str else _number(name, text, kind)


def _share(text: str) -> float:
    number = _number(FROM, text, float)
    if not 0 <= number <= 1:
        raise BadValue(FROM, f"{number:g} is no share of the way", "use 0 to 1")
    return number


def _number(name: str, text: str, kind: type[int] | type[float]) -> int | float:
    try:
        return kind(text[:400])
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise BadValue(name, f"must be {what}, not '{shorten(text)}'", f"use {what}") from None
