"""Writes a prompt in another language, as far as that language can say it.

Takes a `Timeline`, gives text of a dialect and the reasons for which nothing or something else had to be written.
Reading the text again gives the same weighted runs. Knows no tokenizer.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mezzotint.text.grammar import read
from mezzotint.text.prompt import Mix, Passage, Run, Timeline, merged


@dataclass(frozen=True)
class Spelled:
    """A prompt in another dialect, or None, and what that dialect cannot say of it."""

    text: str | None
    lost: tuple[str, ...]


def spell(said: Timeline, dialect: str) -> Spelled:
    """`said` in the language `dialect`, a name of `DIALECTS`."""
    content = said.contents[0]
    reasons: list[str] = []
    if len(said.parts) > 1 or any(part.weight != 1 for part in said.parts):
        reasons.append("several texts at once (AND) and their weights")
    if any(len(part.spans) > 1 for part in said.parts):
        reasons.append("words that change over the steps")
    if isinstance(content, Mix):
        reasons.append(".and() and .blend()")
    if isinstance(content, Passage) and len(content.segments) > 1 and dialect != "a1111":
        reasons.append("BREAK")
    if reasons:
        return Spelled(None, tuple(reasons))
    assert isinstance(content, Passage)
    written = _WRITERS[dialect](content)
    if dialect == "plain" or _like(read(dialect, written, 1), content):
        return Spelled(written, ("weights",) if dialect == "plain" and content.weighted else ())
    return Spelled(None, ("words or weights that would mean something else there",))


def _like(said: Timeline, content: Passage) -> bool:
    """Whether the words and weights came out as they were, but for spaces that no tokenizer sees."""
    back = said.still
    return isinstance(back, Passage) and _words(back) == _words(content)


def _words(content: Passage) -> list[list[Run]]:
    return [
        [Run(words, run.weight) for run in merged(runs) if (words := _tight(run.text))]
        for runs in content.segments
    ]


def _tight(text: str) -> str:
    return re.sub(r" ?, ?", ",", " ".join(text.split()))


def _plain(content: Passage) -> str:
    return content.text


def _a1111(content: Passage) -> str:
    segments = (
        "".join(_weighed(run, _escaped(run.text, "\\()[]")) for run in runs) for runs in content.segments
    )
    return " BREAK ".join(segments)


def _comfy(content: Passage) -> str:
    return "".join(_weighed(run, _escaped(run.text, "()")) for runs in content.segments for run in runs)


def _compel(content: Passage) -> str:
    return " ".join(_signed(run) for runs in content.segments for run in runs if run.text.strip())


def _signed(run: Run) -> str:
    text, weight = _escaped(run.text.strip(), '()"'), _decimal(run.weight)
    return text if run.weight == 1 else f"({text}){weight if '.' in weight else weight + '.0'}"


def _weighed(run: Run, text: str) -> str:
    return text if run.weight == 1 else f"({text}:{_decimal(run.weight)})"


def _escaped(text: str, special: str) -> str:
    return "".join(f"\\{c}" if c in special else c for c in text)


def _decimal(weight: float) -> str:
    """Digits that give the same number, without an exponent, which no dialect reads."""
    text = repr(weight)
    return text.removesuffix(".0") if "e" not in text else f"{weight:.30f}"


_WRITERS: Mapping[str, Callable[[Passage], str]] = MappingProxyType(
    {"plain": _plain, "a1111": _a1111, "comfy": _comfy, "compel": _compel}
)
