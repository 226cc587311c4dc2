"""Words that change over the steps: `[from:to:when]`, `[to:when]`, `[from::when]` and `[a|b|c]`.

Takes text, gives a tree that says what is left of the text at a step. The rules are those of A1111's web UI: brackets
that hold nothing of this kind stay as they are, for the weights that are read later, and what cannot be understood is
taken literally. One pass with a stack of open brackets, linear in the length of the text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mezzotint.text.prompt import Content, Span

_TOKEN = re.compile(r"[^\\\[\]():|]+|\\.|[\[\]():|\\]")
_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*")
_CLOSES: Mapping[str, str] = MappingProxyType({"(": ")", "[": "]"})


@dataclass(frozen=True)
class Together:
    """Items one after the other."""

    items: "tuple[Item, ...]"


@dataclass(frozen=True)
class Timed:
    """`before` up to the moment `when`, then `after`. A `when` with a point is a share of the steps, otherwise a step
    counted from 1."""

    before: Together
    after: Together
    when: str

    def step(self, steps: int) -> int:
        """The last step with `before`, counted from 1; 0 for none."""
        at = float(self.when) * (steps if "." in self.when else 1)
        return int(min(max(at, 0), steps))


@dataclass(frozen=True)
class Turns:
    """One of `options` a step, in turn."""

    options: tuple[Together, ...]


Item = str | Together | Timed | Turns


@dataclass
class _Open:
    """A bracket that is still open: what stands between its separators so far."""

    bracket: str
    pieces: list[list[Item]] = field(default_factory=lambda: [[]])
    separators: list[str] = field(default_factory=list[str])


def parse(text: str) -> Together:
    """The tree of `text`; of a text that cannot be understood, the text itself."""
    top: list[Item] = []
    stack: list[_Open] = []
    for token in _TOKEN.findall(text):
        if token == "\\":
            return Together((text,))
        if token in _CLOSES:
            stack.append(_Open(token))
        elif token in (":", "|") and stack:
            stack[-1].separators.append(token)
            stack[-1].pieces.append([])
        elif token in (")", "]"):
            closed = _closed(stack[-1]) if stack and _CLOSES[stack[-1].bracket] == token else None
            if closed is None:
                if not _spilt(stack, top):
                    return Together((text,))
                top.append(token)
            else:
                stack.pop()
                (stack[-1].pieces[-1] if stack else top).append(closed)
        elif token == "|":
            return Together((text,))
        else:
            (stack[-1].pieces[-1] if stack else top).append(token)
    return Together(tuple(top)) if _spilt(stack, top) else Together((text,))


def _spilt(stack: list[_Open], top: list[Item]) -> bool:
    """Moves all that is open to `top` as literal text. False where a `|` is among it, which never is."""
    for frame in stack:
        if "|" in frame.separators:
            return False
        top.append(frame.bracket)
        top += _flat(frame)
    stack.clear()
    return True


def _flat(frame: _Open) -> list[Item]:
    items = list(frame.pieces[0])
    for separator, piece in zip(frame.separators, frame.pieces[1:], strict=True):
        items += [separator, *piece]
    return items


def _closed(frame: _Open) -> Item | None:
    """The node of a bracket that has come to its end; None for one that means nothing."""
    kinds, pieces = set(frame.separators), [Together(tuple(piece)) for piece in frame.pieces]
    if not kinds or (frame.bracket == "(" and frame.separators == [":"]):
        return Together((frame.bracket, *_flat(frame), _CLOSES[frame.bracket]))
    if frame.bracket == "[" and kinds == {"|"}:
        return Turns(tuple(pieces))
    if frame.bracket == "[" and kinds == {":"} and len(pieces) <= 3:
        last = pieces[-1].items
        found = _NUMBER.fullmatch(last[0]) if len(last) == 1 and isinstance(last[0], str) else None
        if found:
            before = pieces[0] if len(pieces) == 3 else Together(())
            return Timed(before, pieces[-2], found[1])
    return None


def said(tree: Together, step: int, steps: int) -> str:
    """What is left of the text at `step` of `steps`, counted from 1."""
    words: list[str] = []
    waiting: list[Item] = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            words.append(item)
        elif isinstance(item, Together):
            waiting += reversed(item.items)
        elif isinstance(item, Timed):
            waiting.append(item.before if step <= item.step(steps) else item.after)
        else:
            waiting.append(item.options[(step - 1) % len(item.options)])
    return "".join(words)


def changes(tree: Together, steps: int) -> list[int]:
    """The last step of every stretch in which the text stays as it is, counted from 1; the last one is `steps`."""
    found = {steps}
    waiting: list[Item] = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Together):
            waiting += item.items
        elif isinstance(item, Timed):
            found.add(item.step(steps))
            waiting += (item.before, item.after)
        elif isinstance(item, Turns):
            return list(range(1, steps + 1))
    return sorted(found - {0})


def texts(text: str, steps: int) -> tuple[tuple[int, str], ...]:
    """What `text` says over `steps` steps: the first step of each stretch, counted from 0, and its words.

    The web UI names a stretch by its last step counted from 1 and looks it up by the number of steps already done,
    so that `[a:b:5]` is `a` for six steps, and the first option of `[a|b]` comes twice: drawn alike here.
    """
    tree = parse(text)
    found: list[tuple[int, str]] = []
    first = 0
    for last in changes(tree, steps):
        words = said(tree, last, steps)
        if first < steps and (not found or found[-1][1] != words):
            found.append((first, words))
        first = last + 1
    return tuple(found)


def spans(found: tuple[tuple[int, Content], ...]) -> tuple[Span, ...]:
    """Spans of the same, where neighbours that say the same are one."""
    kept: list[Span] = []
    for first, content in found:
        if not kept or kept[-1].content != content:
            kept.append(Span(first, content))
    return tuple(kept)
