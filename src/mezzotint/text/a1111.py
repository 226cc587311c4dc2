r"""The prompt language of A1111's web UI and its forks: weights in brackets, changes over the steps, AND, BREAK.

Takes text and the number of steps, gives a `Timeline`. `(x)` counts 1.1 times, `(x:1.3)` 1.3 times, `[x]` 1/1.1 times;
nested brackets multiply, and one that is never closed acts to the end. `\(` is a bracket to be drawn. What means
nothing is text. Linear in the length of the text.
"""

import re
from dataclasses import dataclass

from mezzotint.text.prompt import Part, Passage, Run, Timeline, checked, merged, number, passage
from mezzotint.text.schedule import spans, texts

UP, DOWN = 1.1, 1 / 1.1
"""What a round and a square bracket multiply by."""
_TOKEN = re.compile(
    r"""\\[()\[\]\\] | \\ | [(\[] | :\s*([+-]?[.\d]+)\s*\) | [)\]] | [^\\()\[\]:]+ | :""", re.VERBOSE
)
_BREAK = re.compile(r"\bBREAK\b")
_AND = re.compile(r"\bAND\b")
_SIGNED = re.compile(r"\s*([-+]?(?:\d+\.?|\d*\.\d+))\s*")


@dataclass
class _Open:
    """A bracket, round (0) or square (1), and what it multiplies by."""

    kind: int
    factor: float


@dataclass(frozen=True)
class _Close:
    kind: int


@dataclass(frozen=True)
class _Break:
    """The word BREAK."""


_Mark = str | _Open | _Close | _Break


def timeline(text: str, steps: int) -> Timeline:
    """What a prompt says. Raises BadValue for a weight that is no number or out of range."""
    return Timeline(tuple(_part(words, weight, steps) for words, weight in parts(text)))


def negative_timeline(text: str, steps: int) -> Timeline:
    """What a negative prompt says: as `timeline`, but AND is a word like any other."""
    return Timeline((_part(text, 1.0, steps),))


def parts(text: str) -> list[tuple[str, float]]:
    """The texts between ANDs, each with its weight, which stands at the end of it after a colon."""
    return [_weighted(part) for part in _AND.split(text)]


def _weighted(part: str) -> tuple[str, float]:
    words, colon, tail = part.rpartition(":")
    found = _SIGNED.fullmatch(tail) if colon else None
    if not found:
        return part.rstrip(), 1.0
    return words.rstrip(), checked(number(found[1]), words)


def _part(text: str, weight: float, steps: int) -> Part:
    found = texts(text, steps)
    read = {words: attention(words) for words in dict.fromkeys(words for _, words in found)}
    return Part(weight, spans(tuple((first, read[words]) for first, words in found)))


def attention(text: str) -> Passage:
    """The weighted runs of a text that stays as it is. Raises BadValue as `timeline` does."""
    segments: list[list[Run]] = [[]]
    products = ([1.0], [1.0])
    for mark in _marks(text):
        if isinstance(mark, str):
            segments[-1].append(Run(mark, products[0][-1] * products[1][-1]))
        elif isinstance(mark, _Open):
            products[mark.kind].append(products[mark.kind][-1] * mark.factor)
        elif isinstance(mark, _Close):
            products[mark.kind].pop()
        else:
            segments.append([])
    return passage(merged(runs) for runs in segments)


def _marks(text: str) -> list[_Mark]:
    """Text, brackets that act and BREAKs in their order. Round and square brackets pair without regard to each other,
    so that `(a [b) c]` has two ranges that overlap."""
    marks: list[_Mark] = []
    still: tuple[list[_Open], list[_Open]] = ([], [])
    for token in _TOKEN.finditer(text):
        word, weight = token[0], token[1]
        if word.startswith("\\"):
            marks.append(word[1:])
        elif word in ("(", "["):
            opened = _Open(1, DOWN) if word == "[" else _Open(0, UP)
            still[opened.kind].append(opened)
            marks.append(opened)
        elif (weight is not None or word == ")") and still[0]:
            closed = still[0].pop()
            if weight is not None:
                closed.factor = number(weight)
            marks.append(_Close(0))
        elif word == "]" and still[1]:
            still[1].pop()
            marks.append(_Close(1))
        else:
            marks += _broken(word)
    return marks


def _broken(word: str) -> list[_Mark]:
    pieces = _BREAK.split(word)
    marks: list[_Mark] = []
    for i, piece in enumerate(pieces):
        # No expression with spaces on both sides: it would be quadratic in a long run of spaces.
        if i < len(pieces) - 1:
            piece = piece.rstrip()
        if i:
            piece = piece.lstrip()
            marks.append(_Break())
        marks.append(piece)
    return marks
