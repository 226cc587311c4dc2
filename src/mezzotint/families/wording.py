"""From what a prompt says at one moment to the states of one text encoder.

Takes a `Wording` and an opened encoder. Gives its `TextStates`. Knows no file, no family and no step.

Shapes: C chunks, T tokens of each, D width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mezzotint.families.emphasis import EMPHASES, Weighed
from mezzotint.families.taught import Words
from mezzotint.nets.clip import TextStates
from mezzotint.text.chunks import Chunk, Cutting, cut_off, whole
from mezzotint.text.grammar import DIALECTS
from mezzotint.text.prompt import Content, Mix, Passage, Run
from mezzotint.text.taught import Ids


@dataclass(frozen=True)
class Wording:
    """What is said, the `dialect` whose rule cuts it into chunks, and the `emphasis` that its weights have; both are
    names."""

    content: Content
    dialect: str
    emphasis: str

    @property
    def text(self) -> str:
        """The words alone."""
        content = self.content
        return content.text if isinstance(content, Passage) else " ".join(p.text for p in content.passages)


class Encoder(Protocol):
    """What is asked of a text encoder."""

    def chunks(self, passage: Passage, how: Cutting, words: Words | None) -> tuple[Chunk, ...]:
        """The chunks of ids of a passage."""
        ...

    def states(
        self,
        chunks: Sequence[Ids],
        clip_skip: int | None,
        device: torch.device,
        words: Words | None = None,
        hidden: Tensor | None = None,
    ) -> TextStates:
        """The states of chunks."""
        ...


@dataclass(frozen=True, eq=False)
class Reading:
    """One encoder with all that its states of a text depend on beside the text."""

    encoder: Encoder
    clip_skip: int | None
    device: torch.device
    words: Words | None

    def states(self, wording: Wording) -> TextStates:
        """`tokens` 1 (C T) D and `pooled` 1 P, that of the first chunk. Raises BadValue for too many chunks."""
        content = wording.content
        if isinstance(content, Mix):
            parts = [self._passage(passage, wording).tokens for passage in content.passages]
            tokens = (self._blended if content.blend else self._row)(content, wording, parts)
            return TextStates(tokens, self._pooled(content.pooled))
        states = self._passage(content, wording)
        return states if content.pooled is None else TextStates(states.tokens, self._pooled(content.pooled))

    def _pooled(self, text: str) -> Tensor:
        """The pooled vector of a text as it is written, cut off behind one chunk."""
        (chunk,) = self.encoder.chunks(Passage(((Run(text),),)), Cutting(whole, cut_off), self.words)
        return self.encoder.states([chunk.ids], self.clip_skip, self.device, self.words).pooled

    def _passage(self, passage: Passage, wording: Wording) -> TextStates:
        found = self.encoder.chunks(passage, DIALECTS[wording.dialect].cutting, self.words)
        ids = [chunk.ids for chunk in found]
        pooled: list[Tensor] = []

        def encode(hidden: Tensor | None) -> Tensor:
            states = self.encoder.states(ids, self.clip_skip, self.device, self.words, hidden)
            pooled.append(states.pooled)
            return states.tokens.reshape(len(ids), -1, states.tokens.shape[-1])

        text = Weighed(
            encode,
            lambda: self.empty(wording),
            torch.tensor([chunk.weights for chunk in found], device=self.device),
            self._lowered(found),
        )
        weighed = EMPHASES[wording.emphasis](text) if passage.weighted else encode(None)
        return TextStates(weighed.flatten(0, 1).unsqueeze(0), pooled[0])

    def empty(self, wording: Wording) -> Tensor:
        """The states 1 T D of the empty text."""
        (empty,) = self.encoder.chunks(Passage(((),)), DIALECTS[wording.dialect].cutting, None)
        return self.encoder.states([empty.ids], self.clip_skip, self.device).tokens

    def _lowered(self, found: Sequence[Chunk]) -> list[tuple[float, Tensor]]:
        """Every run of text that counts less than 1: its weight, and its tokens."""
        weights = {run: weight for c in found for run, weight in zip(c.runs, c.weights, strict=True)}
        runs = torch.tensor([chunk.runs for chunk in found], device=self.device)
        return [(weight, runs == run) for run, weight in weights.items() if run >= 0 and weight < 1]

    def _blended(self, mix: Mix, wording: Wording, parts: Sequence[Tensor]) -> Tensor:
        """The average; a shorter text is filled up with empty chunks, as in compel."""
        longest = max(part.shape[1] for part in parts)
        short = any(part.shape[1] < longest for part in parts)
        empty = self.empty(wording) if short else parts[0]
        rows = [lengthened(part, empty, longest) for part in parts]
        weighed = (weight * row for weight, row in zip(mix.weights, rows, strict=True))
        return sum(weighed, torch.zeros_like(rows[0]))

    def _row(self, mix: Mix, wording: Wording, parts: Sequence[Tensor]) -> Tensor:
        """One after the other, each as far from the empty text as its weight says."""
        rows: list[Tensor] = []
        for weight, part in zip(mix.weights, parts, strict=True):
            if weight == 1:
                rows.append(part)
                continue
            empty = self.empty(wording)
            empty = empty.repeat(1, part.shape[1] // empty.shape[1], 1)
            rows.append(empty + (part - empty) * weight)
        return torch.cat(rows, dim=1)


def lengthened(row: Tensor, filler: Tensor, length: int) -> Tensor:
    """States 1 T D with copies of `filler`, the states of the empty text, behind them, up to `length` tokens."""
    missing = (length - row.shape[1]) // filler.shape[1]
    return torch.cat([row, filler.repeat(1, missing, 1)], dim=1) if missing else row
