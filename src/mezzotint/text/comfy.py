r"""ComfyUI's prompt language: `(x)` counts 1.1 times, `(x:1.3)` 1.3 times whatever stands around it, and no more.

Takes text, gives weighted runs. Square brackets, AND and BREAK are text; `\(` and `\)` are brackets to be drawn.
Inner weights replace outer ones where they are written, and multiply where they are not. Brackets pair as
there: a closing one without an opening one makes the next opening one text. Linear in the length of the text.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from mezzotint.text.prompt import Passage, Run, Timeline, always, checked, passage

UP = 1.1
"""What a bracket without a number multiplies by."""
_ESCAPED = re.compile(r"\\([()])")
_LONGEST = 400
"""More characters than any number that counts has."""


@dataclass(frozen=True)
class _Brackets:
    """Where brackets and colons stand in a text: `opening`, `colons` and `all` in order, `ends` by the opening one."""

    opening: tuple[int, ...]
    all: tuple[int, ...]
    colons: tuple[int, ...]
    ends: dict[int, int]


@dataclass(frozen=True)
class _Stretch:
    """A piece of the text under `weight`; `bracket` if it begins with an opening one that counts."""

    start: int
    end: int
    weight: float
    bracket: bool


def timeline(text: str, steps: int) -> Timeline:
    """What a prompt says at every one of `steps`. Raises BadValue for a weight that is no finite number."""
    return always(attention(text))


def attention(text: str) -> Passage:
    """The weighted runs of `text`. Raises BadValue as `timeline` does."""
    runs = list(_runs(text, _brackets(text)))
    return passage([[Run(_ESCAPED.sub(r"\1", run.text), run.weight) for run in runs]])


def _brackets(text: str) -> _Brackets:
    marks = [m for m in re.finditer(r"\\[()]|[():]", text) if len(m[0]) == 1]
    ends: dict[int, int] = {}
    still: list[int] = []
    for mark in marks:
        if mark[0] == "(":
            still.append(mark.start())
        elif mark[0] == ")" and still:
            ends[still.pop()] = mark.start()
    places = {kind: tuple(m.start() for m in marks if m[0] in kind) for kind in ("(", "()", ":")}
    return _Brackets(places["("], places["()"], places[":"], ends)


def _runs(text: str, found: _Brackets) -> Iterator[Run]:
    """The runs in their order, from a stack of stretches that are still to be read."""
    waiting: list[_Stretch] = [*reversed(_inside(1.0, _outermost(text, found)))]
    while waiting:
        here = waiting.pop()
        grouped = (
            here.end - here.start >= 2 and text[here.start] == "(" and _last(found, here.end) == here.end - 1
        )
        if not here.bracket or not grouped or text[here.end - 1] != ")":
            yield Run(text[here.start : here.end], here.weight)
            continue
        weight, end = _weight(text, found, here)
        waiting += reversed(_inside(weight, _inner(found, here.start + 1, end)))


def _inside(weight: float, items: Iterator[tuple[int, int, bool]]) -> list[_Stretch]:
    return [_Stretch(start, end, weight, bracket) for start, end, bracket in items if end > start]


def _outermost(text: str, found: _Brackets) -> Iterator[tuple[int, int, bool]]:
    """Stretches of the whole text. The depth may fall below zero here, and a bracket counts at depth zero only."""
    start = depth = 0
    bracket = False
    for place in found.all:
        depth += 1 if text[place] == "(" else -1
        if text[place] == "(" and depth == 1:
            yield start, place, bracket
            start, bracket = place, True
        elif text[place] == ")" and depth == 0:
            yield start, place + 1, bracket
            start, bracket = place + 1, False
    yield start, len(text), bracket


def _inner(found: _Brackets, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Stretches between a pair of brackets, where no closing one is left over."""
    while start < end:
        at = bisect_left(found.opening, start)
        place = found.opening[at] if at < len(found.opening) else end
        if place >= end:
            yield start, end, False
            return
        yield start, place, False
        close = found.ends.get(place, end)
        start = close + 1 if close < end else end
        yield place, start, True


def _weight(text: str, found: _Brackets, here: _Stretch) -> tuple[float, int]:
    """The weight inside a bracket, and where its text ends: before the colon of a number, if there is one."""
    at = bisect_left(found.colons, here.end) - 1
    colon = found.colons[at] if at >= 0 else -1
    if colon > here.start + 1 and _last(found, here.end - 1) < colon and here.end - colon < _LONGEST:
        try:
            weight = float(text[colon + 1 : here.end - 1])
        except ValueError:
            return here.weight * UP, here.end - 1
        return checked(weight, text[here.start + 1 : colon]), colon
    return here.weight * UP, here.end - 1


def _last(found: _Brackets, end: int) -> int:
    """The place of the last bracket before `end`, -1 for none."""
    at = bisect_left(found.all, end) - 1
    return found.all[at] if at >= 0 else -1
