"""Reads GGUF files: ggml's quantised weights, each turned into float32 when it is asked for.

Takes a path. Gives a `TensorSource` whose quantised tensors are float32 and whose others keep their type. The
blocks are decoded by the package `gguf`, ggml's own, which is an extra. Knows no model.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mezzotint.values.errors import MissingExtra
from mezzotint.weights.gguf_header import read_gguf_header
from mezzotint.weights.hashes import Stamp
from mezzotint.weights.header import TensorInfo
from mezzotint.weights.source import TensorSource

PLAIN = MappingProxyType({"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16})


class GgufFile(TensorSource):
    """One GGUF file, mapped as long as this lives. `metadata["quantisation"]` names the types in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "rb") as file:
            self._stamp = Stamp.of(path, os.fstat(file.fileno()))
            header = read_gguf_header(file, self._stamp.size, path)
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self._stored = header.tensors
        kinds = sorted({stored.kind for stored in header.tensors.values()})
        self.metadata = MappingProxyType(dict(header.metadata) | {"quantisation": " ".join(kinds)})

    def __getitem__(self, name: str) -> TensorInfo:
        stored = self._stored[name]
        return TensorInfo(stored.shape, PLAIN.get(stored.kind, torch.float32))

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def stamps(self) -> tuple[Stamp, ...]:
        """That of the file."""
        return (self._stamp,)

    def tensor(self, name: str) -> Tensor:
        """The tensor `name`; of a quantised one the float32 values. Raises MissingExtra without the package gguf."""
        stored = self._stored[name]
        data = bytearray(self._bytes[stored.start : stored.end])
        dtype = PLAIN.get(stored.kind, torch.float32)
        if not data:
            return torch.empty(stored.shape, dtype=dtype)
        if stored.kind in PLAIN:
            return torch.frombuffer(data, dtype=dtype).view(stored.shape)
        values = _dequantised(np.frombuffer(data, np.uint8), stored.kind)
        return torch.frombuffer(values.data, dtype=torch.float32).view(stored.shape)


def _dequantised(blocks: NDArray[np.uint8], kind: str) -> NDArray[np.float32]:
    try:
        from gguf import GGMLQuantizationType, dequantize  # noqa: PLC0415 - an optional third party
    except ImportError:
        raise MissingExtra("gguf", "the package gguf") from None
    return np.ascontiguousarray(dequantize(blocks, GGMLQuantizationType[kind]), np.float32)
