"""What a prompt says, whatever language it was written in: weighted runs of text over the steps of a picture.

Plain values that every dialect's parser gives and that chunking, encoding and `explain` read. Knows no dialect, no
tokenizer and no network.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from mezzotint.values.errors import BadValue, shorten

MAX_WEIGHT = 1000.0
"""The largest weight of a run or a part, either way."""


@dataclass(frozen=True)
class Run:
    """Text that counts `weight` times as much as usual."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Passage:
    """Runs of text in their order, in `segments` each of which begins a new chunk (a BREAK lies between two).

    `pooled` is the text that the pooled vector is of, where it is another one.
    """

    segments: tuple[tuple[Run, ...], ...]
    pooled: str | None = None

    @property
    def text(self) -> str:
        """The words alone, without weights; segments are joined by a space."""
        return " ".join("".join(run.text for run in runs) for runs in self.segments)

    @property
    def weighted(self) -> bool:
        """Whether any weight is not 1."""
        return any(run.weight != 1 for runs in self.segments for run in runs)


@dataclass(frozen=True)
class Mix:
    """Several passages at once. `blend`: their states are averaged with the `weights`, which sum to 1 or as written;
    otherwise they stand one after the other, each multiplied by its weight. The pooled vector is that of the text
    `pooled`."""

    passages: tuple[Passage, ...]
    weights: tuple[float, ...]
    blend: bool
    pooled: str


Content = Passage | Mix
"""What one text says at one step."""


@dataclass(frozen=True)
class Span:
    """What is said from step `first` on (counted from 0), up to the next span."""

    first: int
    content: Content


@dataclass(frozen=True)
class Part:
    """One of the texts that steer a picture together: `weight` counts its pull away from the negative text."""

    weight: float
    spans: tuple[Span, ...]

    def at(self, step: int) -> Content:
        """What this part says at `step`, counted from 0."""
        return next(span.content for span in reversed(self.spans) if span.first <= max(step, 0))


@dataclass(frozen=True)
class Timeline:
    """What a prompt says at every step: all `parts` at once, each in its spans."""

    parts: tuple[Part, ...]

    def at(self, step: int) -> tuple[tuple[float, Content], ...]:
        """The weight and the content of every part at `step`, counted from 0."""
        return tuple((part.weight, part.at(step)) for part in self.parts)

    @property
    def contents(self) -> tuple[Content, ...]:
        """Everything that is said at some step, each once, in the order of its first appearance."""
        return tuple(dict.fromkeys(span.content for part in self.parts for span in part.spans))

    @property
    def still(self) -> Content | None:
        """The only content where there is one part of weight 1 that never changes; otherwise None."""
        contents = self.contents
        return contents[0] if len(contents) == len(self.parts) == 1 and self.parts[0].weight == 1 else None


def always(content: Content) -> Timeline:
    """`content` at every step."""
    return Timeline((Part(1.0, (Span(0, content),)),))


def passage(runs: Iterable[Iterable[Run]]) -> Passage:
    """The passage of these segments, without runs that hold no text. Raises BadValue for a weight out of range."""
    kept = tuple(tuple(run for run in segment if run.text) for segment in runs)
    for segment in kept:
        for run in segment:
            checked(run.weight, run.text)
    return Passage(kept or ((),))


def merged(runs: Sequence[Run]) -> list[Run]:
    """`runs` with neighbours of equal weight joined, so that a word across them is one word."""
    texts: list[list[str]] = []
    weights: list[float] = []
    for run in runs:
        if not weights or weights[-1] != run.weight:
            texts.append([])
            weights.append(run.weight)
        texts[-1].append(run.text)
    return [Run("".join(text), weight) for text, weight in zip(texts, weights, strict=True)]


def checked(weight: float, about: str) -> float:
    """`weight`, if it is a number that a picture can be drawn with. Raises BadValue."""
    if not isfinite(weight) or abs(weight) > MAX_WEIGHT:
        shown = f"{weight:.6g}"
        raise BadValue(
            "prompt",
            f"gives '{shorten(about.strip(), 30)}' the weight {shown}",
            f"use -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}",
        )
    return weight


def number(text: str) -> float:
    """The weight that `text` spells. Raises BadValue for one that is no number."""
    try:
        return float(text)
    except ValueError:
        raise BadValue(
            "prompt", f"has the weight '{shorten(text, 30)}', which is no number", "write it like (apple:1.3)"
        ) from None
