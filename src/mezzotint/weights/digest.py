"""One hash for a set of named tensors: the same whatever file, order or layout they came from.

Takes a mapping of names to tensors. Gives a sha256 in hex over name, type, shape and bytes of each, in the order of
the names. Each tensor is hashed on its own first, so that several cores can share the work. Knows no files.
"""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


def digest(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 over the sorted lines `name dtype shape sha256-of-bytes`. Any change of any value changes it."""
    names = sorted(tensors)
    with ThreadPoolExecutor() as pool:
        lines = pool.map(_line, names, [tensors[name] for name in names])
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(name: str, tensor: Tensor) -> str:
    flat = tensor.detach().to("cpu").contiguous().reshape(-1).view(torch.uint8)
    content = hashlib.sha256(flat.numpy().data).hexdigest()
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{name} {dtype} {list(tensor.shape)} {content}"
