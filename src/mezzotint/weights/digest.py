"""One hash for a set of named tensors: the same whatever file, order or layout they came from.

Takes a mapping of names to tensors. Gives a sha256 in hex over name, type, shape and bytes of each, in the order of
the names. Each tensor is hashed on its own first, so that several cores can share the work; few are in memory at a
time. Knows no file formats.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from mezzotint.weights.hashes import remembered
from mezzotint.weights.source import TensorSource

FORMAT = 1
"""Raised when the same file is to have another digest."""


def digest(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 over the sorted lines `name dtype shape sha256-of-bytes`. Any change of any value changes it."""
    names, together, lines = sorted(tensors), os.cpu_count() or 1, list[str]()
    with ThreadPoolExecutor(together) as pool:
        # A few at a time: tensors may be made as they are looked up, or be pages of a file that take memory once read.
        for first in range(0, len(names), together):
            few = names[first : first + together]
            lines += pool.map(_line, few, [tensors[name] for name in few])
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def digest_of(
    source: TensorSource, names: Iterable[str], load: Callable[[], Mapping[str, Tensor]]
) -> str | None:
    """The digest of what `load` makes of `source`, from the cache where it is known for files that are the same.

    `names` are those of the tensors that it makes, so that another way of reading is another digest. None when the
    files were written to since they were opened: nobody knows any more what they held.
    """
    if not source.unchanged():
        return None
    way = hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()
    return remembered(f"digest {FORMAT} of {way}", source.stamps(), lambda: digest(load()), source.unchanged)


def _line(name: str, tensor: Tensor) -> str:
    flat = tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
    content = hashlib.sha256(flat.numpy().data).hexdigest()
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{name} {dtype} {list(tensor.shape)} {content}"
