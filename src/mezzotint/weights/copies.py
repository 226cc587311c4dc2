"""Copies of stored weights in memory of their own, in the type that is computed with, looked at on the way.

Takes a tensor, which may be a view of a file. Gives a contiguous copy and whether all of its values are numbers. Each
block is looked at while it is still in the processor's cache, so that the look costs no second pass over memory.
"""

import torch
from torch import Tensor

BLOCK = 2**18
"""Values that are copied and looked at in one go: half a megabyte to a megabyte."""


def copied(tensor: Tensor, dtype: torch.dtype) -> tuple[Tensor, bool]:
    """`tensor` (any shape, floating point) as contiguous `dtype`, and whether every value of the copy is finite."""
    copy = torch.empty(tensor.shape, dtype=dtype)
    if not tensor.is_contiguous():
        copy.copy_(tensor)
        return copy, _finite(copy)
    theirs, ours = tensor.detach().view(-1), copy.view(-1)
    finite = True
    for start in range(0, ours.numel(), BLOCK):
        block = ours[start : start + BLOCK]
        block.copy_(theirs[start : start + BLOCK])
        finite = finite and _finite(block)
    return copy, finite


def _finite(values: Tensor) -> bool:
    # The sum is finite when all values are and it stays in range; only otherwise it is worth looking at each.
    return bool(values.sum().isfinite()) or bool(values.isfinite().all())
