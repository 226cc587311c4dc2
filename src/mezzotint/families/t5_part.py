"""The T5 text encoder as a part of a family: which tokens it reads, and the states it gives for a text.

Takes a geometry, a length and a vocabulary. Gives `TextStates` as CLIP encoders do, without a pooled vector. Knows no
file and no other encoder.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mezzotint.families.taught import Words
from mezzotint.nets.clip import TextStates
from mezzotint.nets.t5 import T5Geometry, T5Text
from mezzotint.text.chunks import Chunk, Cutting, cut_off
from mezzotint.text.chunks import chunks as cut_into
from mezzotint.text.pieces import Pieces
from mezzotint.text.prompt import Passage
from mezzotint.text.t5 import T5Tokenizer
from mezzotint.text.taught import NOTHING, Ids


@dataclass(frozen=True)
class T5Part:
    """A T5 encoder of a family; `name` stands before the names of its weights. Every text becomes `length` tokens."""

    name: str
    geometry: T5Geometry
    vocabulary: Callable[[], Pieces]
    length: int

    def tokenizer(self) -> T5Tokenizer:
        """The tokenizer of this encoder; reads the vocabulary."""
        return T5Tokenizer.from_pieces(self.vocabulary(), self.length)

    def encoder(self) -> "T5Encoder":
        """This part with a new network."""
        return T5Encoder(self, T5Text(self.geometry))

    def nothing(self, device: torch.device) -> TextStates:
        """What a model without this encoder is steered with: zeros, as many as the states would be."""
        tokens = torch.zeros(1, self.length, self.geometry.width, device=device)
        return TextStates(tokens, tokens.new_zeros(1, 0))


@dataclass(frozen=True)
class T5Encoder:
    """One opened T5 encoder. The vocabulary is read when the first text comes."""

    part: T5Part
    network: T5Text

    @cached_property
    def tokenizer(self) -> T5Tokenizer:
        """The tokenizer of this encoder."""
        return self.part.tokenizer()

    def read(self, text: str, words: Words | None = None) -> tuple[tuple[Ids, ...], int]:
        """`text` as the one chunk of ids that the encoder reads, and how many ids at its end did not fit.

        `words` are taught ones; ids from the size of the table on are theirs.
        """
        row, unread = self.tokenizer.padded(text, words.ids if words else NOTHING)
        return (row,), unread

    def chunks(self, passage: Passage, how: Cutting, words: Words | None = None) -> tuple[Chunk, ...]:
        """What a prompt says as the one chunk that this encoder reads, with the weight of each id."""
        together = Passage((tuple(run for runs in passage.segments for run in runs),))
        read, whole = self.tokenizer, Cutting(how.words, cut_off)
        return cut_into(together, read.frame, words.ids if words else NOTHING, read.ids, whole)

    def states(
        self,
        chunks: Sequence[Ids],
        clip_skip: int | None,
        device: torch.device,
        words: Words | None = None,
        hidden: Tensor | None = None,
    ) -> TextStates:
        """The states of one text in C chunks of T ids, `tokens` 1 (C T) D on `device`, where the network must be;
        `pooled` is empty, and layers are left out of CLIP encoders only. `words` are those that it was read with;
        `hidden` bool C T are tokens that no other looks at."""
        taught = None if words is None else words.vectors.to(device)
        tokens = self.network(torch.tensor(chunks, device=device), taught, hidden)
        tokens = tokens.flatten(0, 1).unsqueeze(0)
        return TextStates(tokens, tokens.new_zeros(1, 0))
