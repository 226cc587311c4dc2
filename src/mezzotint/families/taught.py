"""The words that one text encoder was taught beside its vocabulary: their ids, and the vectors of these ids.

Takes vectors by name. Gives a `Words`, which a text encoder reads with; its table of vectors keeps its shape and its
bytes. Knows no file and no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import torch
from torch import Tensor

from mezzotint.text.taught import Taught


@dataclass(frozen=True, eq=False)
class Words:
    """`ids` of each name, counted on from the last of the vocabulary, and the `vectors` R D (float32) of all ids."""

    ids: Taught
    vectors: Tensor

    @classmethod
    def of(cls, rows: Mapping[str, Tensor], vocab: int) -> Self:
        """The words of an encoder with `vocab` ids of its own; `rows` has the vectors N D of each name."""
        ids: dict[str, tuple[int, ...]] = {}
        for name, vectors in rows.items():
            ids[name] = tuple(range(vocab, vocab + len(vectors)))
            vocab += len(vectors)
        return cls(MappingProxyType(ids), torch.cat(list(rows.values())))


TaughtWords = Mapping[str, Words]
"""The words of each text encoder of a model, by the encoder's name; an encoder without any is not there."""

NO_WORDS: TaughtWords = MappingProxyType({})
