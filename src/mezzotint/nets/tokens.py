"""The vectors that a text encoder reads for token ids: rows of its table, and rows of words taught later.

Takes the table, ids and, perhaps, more rows. Changes neither. Knows no tokenizer.

Shapes: B batch, T tokens, D width, R rows of taught words.
"""

import torch
from torch import Tensor, nn


def embedded(table: nn.Embedding, ids: Tensor, taught: Tensor | None) -> Tensor:
    """`ids` int64 B T -> B T D; an id beyond the V rows of `table` is row id - V of `taught` R D."""
    if taught is None or not taught.shape[0]:
        return table(ids)
    vocab = table.num_embeddings
    rows = taught[(ids - vocab).clamp(min=0)]
    return torch.where((ids >= vocab).unsqueeze(-1), rows, table(ids.clamp(max=vocab - 1)))
