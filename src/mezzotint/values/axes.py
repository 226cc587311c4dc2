"""The axes of a plot: one option of a recipe and the values that it takes, as people write them.

Takes texts like "steps=5,10,20", "steps=5-50(+5)", "guidance=1-7[4]", "prompt-sr=cat,dog" and gives `Axis` values, and
the flat options of every cell. The ranges are those of A1111's X/Y/Z plot. Knows no model and draws nothing.
"""

import csv
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from mezzotint.values.errors import BadValue, UnknownName, shorten
from mezzotint.values.options import OPTIONS, Option

MOST_VALUES = 1000
"""The most values of one axis."""
SEARCH = "prompt_sr"
"""The axis that searches its first value in the prompts and puts each value in its place."""

_NUMBER = r"([+-]?\d{1,20}(?:\.\d{1,20})?)"
_RANGE = re.compile(rf"{_NUMBER}\s*-\s*{_NUMBER}(?:\s*\(\s*{_NUMBER}\s*\)|\s*\[\s*(\d{{1,9}})\s*\])?")
_OPTIONS: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})

Cell = tuple[int, ...]
"""The place of a cell: the number of its value on each axis."""


@dataclass(frozen=True)
class Axis:
    """The option `name` (or `SEARCH`) and the `values` that it takes along this axis."""

    name: str
    values: tuple[object, ...]

    @property
    def title(self) -> str:
        """The name for people."""
        return "prompt" if self.name == SEARCH else self.name.replace("_", " ")

    def label(self, index: int) -> str:
        """The name and one of the values for people: of a path, the last part."""
        value = self.values[index]
        if isinstance(value, str):
            return (PurePath(value).name or value) if self.name == "model" else value
        return f"{self.title} {value:g}" if isinstance(value, float) else f"{self.title} {value}"

    def applied(self, flat: Mapping[str, object], index: int) -> dict[str, object]:
        """The flat options of a recipe with the value number `index` on this axis."""
        value = self.values[index]
        if self.name != SEARCH:
            return {**flat, self.name: value}
        found = str(self.values[0])
        texts = {name: str(flat.get(name) or "") for name in ("prompt", "negative")}
        return {**flat, **{name: text.replace(found, str(value)) for name, text in texts.items() if text}}


def parse_axis(flag: str, text: str, prompts: Sequence[str]) -> Axis:
    """The axis that `text` (given as `flag`) describes; `prompts` are searched for the first value of a `SEARCH`.

    Raises BadValue and UnknownName.
    """
    name, equals, listed = text.partition("=")
    name = name.strip().replace("-", "_")
    if not equals or not listed.strip():
        raise BadValue(flag, f"'{shorten(text)}' has no values", "write OPTION=VALUE,VALUE as steps=5,10,20")
    parts = [part.strip() for part in next(csv.reader([listed], skipinitialspace=True))]
    if name == SEARCH:
        if not any(parts[0] in prompt for prompt in prompts):
            hint = "begin with words that the prompt has"
            raise BadValue(flag, f"'{shorten(parts[0])}' is not in the prompt", hint)
        return _axis(flag, name, parts)
    option = _OPTIONS.get(name)
    if option is None or option.type not in (int, float, str):
        raise UnknownName("axis", name, (*(o.name for o in OPTIONS if o.type in (int, float, str)), SEARCH))
    return _axis(flag, name, [value for part in parts for value in _values(flag, option, part)])


def _axis(flag: str, name: str, values: Sequence[object]) -> Axis:
    if len(values) > MOST_VALUES:
        raise BadValue(flag, f"has {len(values)} values", f"use at most {MOST_VALUES}")
    if len(set(values)) < len(values):
        raise BadValue(flag, "has a value twice", "keep one of them")
    return Axis(name, tuple(values))


def _values(flag: str, option: Option, part: str) -> Sequence[object]:
    """The values that one part between commas stands for: itself, or a range of numbers."""
    if option.type is str:
        return [part]
    kind = int if option.type is int else float
    if found := _RANGE.fullmatch(part):
        return _range(flag, kind, found)
    try:
        return [kind(part)]
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        hint = "use numbers, or a range as 5-50(+5) or 1-7[4]"
        raise BadValue(flag, f"'{shorten(part)}' is not {what}", hint) from None


def _range(flag: str, kind: type[int] | type[float], found: re.Match[str]) -> list[int | float]:
    """From the first to the last number: by steps of one or as many as stand in (), or as many as stand in []."""
    try:
        first, last, step = kind(found[1]), kind(found[2]), kind(found[3] or 1)
    except ValueError:
        raise BadValue(flag, f"'{shorten(found[0])}' has a fraction", "use whole numbers") from None
    count = int(found[4]) if found[4] else 0
    if not found[4]:
        if step == 0 or (last - first) * step < 0:
            raise BadValue(flag, f"'{shorten(found[0])}' never ends", "use a step towards the last number")
        # A hair more than the quotient, so that 0-1(+0.1) reaches 1.
        count = int((last - first) / step + 1e-9) + 1
    if not 1 <= count <= MOST_VALUES:
        raise BadValue(flag, f"'{shorten(found[0])}' has {count} values", f"use 1 to {MOST_VALUES}")
    if found[4]:
        way = (last - first) / max(1, count - 1)
        return [kind(round(first + i * way, 9)) for i in range(count)]
    return [kind(round(first + i * step, 9)) for i in range(count)]


def cells(axes: Sequence[Axis]) -> Iterator[Cell]:
    """Every place of the grid; the first axis runs fastest."""
    for place in itertools.product(*(range(len(axis.values)) for axis in reversed(axes))):
        yield place[::-1]


def options_of(flat: Mapping[str, object], axes: Sequence[Axis], cell: Cell) -> dict[str, object]:
    """The flat options of one cell."""
    made = dict(flat)
    for axis, index in zip(axes, cell, strict=True):
        made = axis.applied(made, index)
    return made
