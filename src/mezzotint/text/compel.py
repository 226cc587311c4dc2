"""The prompt language of compel, which InvokeAI and users of diffusers write: `word+`, `(phrase)1.3`.

Takes text, gives a `Timeline`. A plus multiplies by 1.1 and a minus by 0.9, nested brackets multiply.
`("a", "b").and()` sets texts one after the other, `.blend(1, 2)` averages them; other operators are typed
errors, and what means nothing is text. In compel so is a bracket with a lone `+`, `-` or `=` in it, which is read here.
The pooled vector is that of the text with all its signs, as in compel. Linear in the length of the text.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from mezzotint.text.prompt import (
    Content,
    Mix,
    Passage,
    Run,
    Timeline,
    always,
    checked,
    number,
    passage,
)
from mezzotint.values.errors import BadValue, shorten

UP, DOWN = 1.1, 0.9
"""What one plus and one minus multiply by."""
_MOST_SIGNS = 400
"""More signs than any weight in range has."""
_WORD = re.compile(r"""(?:\\[()",.+\-=]|[+-](?![\s()",.+\-=]|$)|[^\s()",.+\-=])+""")
_SIGNS = re.compile(r"\++|-+")
_SUFFIX = re.compile(r"\++|-+|[+-]?(?:\d+\.\d*|\.\d+)|\d+")
_OPERATOR = re.compile(r"\s*\.(\w+)\(([^()]*)\)\s*")
_UNDONE = re.compile(r"\.(?:swap|attend)\(|\b(?:use|with)Lora\(")
_ESCAPED = re.compile(r'\\([()"])')
_FREE = re.compile(r"\S+")
_STOP = re.compile(r"[.,]")
_SPACE = re.compile(r"\s*")
_ITEM = re.compile(r"\s*,?\s*")
_WEIGHTS = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")


@dataclass(frozen=True)
class _Pairs:
    """Brackets and quotes by the place of the opening one."""

    ends: dict[int, int]


@dataclass(frozen=True)
class _Inside:
    """A group that is being read: its product of weights, where it ends, and where reading goes on then."""

    weight: float
    end: int
    after: int


def timeline(text: str, steps: int) -> Timeline:
    """What a prompt says at every one of `steps`. Raises BadValue for operators that are not supported, for weights
    that are no numbers and for as many weights as there are no texts."""
    undone = _UNDONE.search(text)
    if undone:
        raise BadValue(
            "prompt",
            f"uses {undone[0]}...), which is not supported",
            "use weights, .and() or .blend(), and --lora for adapters",
        )
    # As compel does before it reads a text.
    return always(_content(re.sub(r",(\S)", r", \1", text), text))


def _content(text: str, written: str) -> Content:
    pairs = _pairs(text)
    start = len(text) - len(text.lstrip())
    end = pairs.ends.get(start) if text[start : start + 1] == "(" else None
    found = _OPERATOR.fullmatch(text, end + 1) if end is not None else None
    if end is None or found is None:
        return replace(passage([_runs(text, 0, len(text), pairs, _free_word)]), pooled=written)
    if found[1] not in ("and", "add", "blend"):
        raise BadValue(
            "prompt", f"uses .{shorten(found[1], 20)}(), which is not known", "use .and() or .blend()"
        )
    passages = _items(text, start + 1, end, pairs)
    return _mixed(passages, found[2], written, blend=found[1] == "blend")


def _items(text: str, start: int, end: int, pairs: _Pairs) -> tuple[Passage, ...]:
    """The texts of `.and()` and `.blend()`: each in quotes, in brackets or one word."""
    found: list[Passage] = []
    at = _past(_ITEM, text, start, end)
    while at < end:
        close = pairs.ends.get(at)
        word = _WORD.match(text, at, end)
        if close is not None:
            found.append(passage([_runs(text, at + 1, close, pairs, _word)]))
            at = close + 1
        elif word:
            found.append(passage([[Run(_plain(word[0]))]]))
            at = word.end()
        else:
            raise BadValue(
                "prompt", "joins texts that are not understood", 'write them as ("a cat", "a dog").and()'
            )
        at = _past(_ITEM, text, at, end)
    return tuple(found)


def _mixed(passages: tuple[Passage, ...], arguments: str, written: str, blend: bool) -> Mix:
    words = [word.strip() for word in arguments.split(",") if word.strip()]
    normal = blend and words[-1:] != ["no_normalize"]
    words = words[: len(words) - (words[-1:] == ["no_normalize"])]
    for word in words:
        if not _WEIGHTS.fullmatch(word):
            raise BadValue(
                "prompt", f"has the weight '{shorten(word, 20)}', which is no number", "use numbers"
            )
    weights = tuple(checked(number(word), "one of the texts") for word in words) or (1.0,) * len(passages)
    if len(weights) != len(passages) or not passages:
        raise BadValue(
            "prompt",
            f"gives {len(weights)} weights to {len(passages)} texts",
            "give one to each, or none at all",
        )
    total = sum(weights)
    if normal and abs(total) < 1e-6:
        raise BadValue(
            "prompt", "blends texts with weights that sum to 0", "use no_normalize or other weights"
        )
    return Mix(passages, tuple(w / total for w in weights) if normal else weights, blend, written)


_Words = Callable[[str, int, int], tuple[str, float, int]]
"""`(text, place, end) -> a word, its factor and where it ends`."""


def _runs(text: str, start: int, end: int, pairs: _Pairs, outermost: _Words) -> list[Run]:
    """The weighted runs of `text[start:end]`, those of equal weight joined by spaces as compel does."""
    runs: list[tuple[list[str], float]] = []
    groups = [_Inside(1.0, end, end)]
    at = start
    while True:
        here = groups[-1]
        at = _past(_SPACE, text, at, here.end)
        if at >= here.end:
            groups.pop()
            if not groups:
                break
            at = here.after
            continue
        close = pairs.ends.get(at)
        if close is not None:
            factor, after = _suffix(text, close + 1)
            groups.append(_Inside(here.weight * factor, close, after))
            at += 1
            continue
        words, factor, at = (outermost if len(groups) == 1 else _word)(text, at, here.end)
        weight = here.weight * factor
        if not runs or runs[-1][1] != weight:
            runs.append(([], weight))
        runs[-1][0].append(_plain(words))
    return [Run(" ".join(words), weight) for words, weight in runs]


def _word(text: str, at: int, end: int) -> tuple[str, float, int]:
    """A word inside brackets or quotes, where a comma and a full stop are words of their own."""
    word = _WORD.match(text, at, end) or _STOP.match(text, at, end)
    signs = _SIGNS.match(text, word.end(), end) if word and word[0] not in (",", ".") else None
    if word and not signs:
        return word[0], 1.0, word.end()
    return _free_word(text, at, end)


def _free_word(text: str, at: int, end: int) -> tuple[str, float, int]:
    """A word, its factor and where it ends: with signs behind it, or everything up to the next space."""
    word = _WORD.match(text, at, end)
    signs = _SIGNS.match(text, word.end(), end) if word else None
    if word and signs:
        return word[0], _power(signs[0]), signs.end()
    free = _FREE.match(text, at, end)
    assert free is not None  # a caller has skipped the spaces
    return free[0], 1.0, free.end()


def _suffix(text: str, at: int) -> tuple[float, int]:
    """What a group multiplies by, and where reading goes on."""
    found = _SUFFIX.match(text, at)
    if not found:
        return 1.0, at
    signs = found[0][0] in "+-" and len(found[0].strip("+-")) == 0
    return (_power(found[0]) if signs else number(found[0])), found.end()


def _power(signs: str) -> float:
    if len(signs) > _MOST_SIGNS:
        return checked(float("inf"), signs) if signs[0] == "+" else 0.0
    return (UP if signs[0] == "+" else DOWN) ** len(signs)


def _pairs(text: str) -> _Pairs:
    ends: dict[int, int] = {}
    stack: list[int] = []
    quoted = 0
    for mark in re.finditer(r'\\.|[()"]', text):
        if mark[0] == "(" or (mark[0] == '"' and not quoted):
            stack.append(mark.start())
            quoted += mark[0] == '"'
        elif mark[0] == ")" and stack and text[stack[-1]] == "(":
            ends[stack.pop()] = mark.start()
        elif mark[0] == '"':
            # What is still open inside the quotes is text.
            while text[stack[-1]] != '"':
                stack.pop()
            ends[stack.pop()] = mark.start()
            quoted -= 1
    return _Pairs(ends)


def _past(what: re.Pattern[str], text: str, start: int, end: int) -> int:
    found = what.match(text, start, end)
    return found.end() if found else start


def _plain(words: str) -> str:
    return _ESCAPED.sub(r"\1", words)
