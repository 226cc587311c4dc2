"""Reads and writes tensor files: safetensors, memory-mapped, written all or not at all.

Takes paths. Gives a `TensorSource`: names with shapes and types at once, each tensor when it is asked for; shards
of one folder look like one file. Other formats are recognised by content and read through safetensors made of
them; everything unreadable is a typed error. Knows no model and no names of weights.
"""

import json
import mmap
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

import torch
from torch import Tensor

from mezzotint.values.errors import BadModelFile, ModelNotFound, OutputFailed
from mezzotint.values.files import write_atomically
from mezzotint.weights.gguf import GgufFile
from mezzotint.weights.hashes import Stamp
from mezzotint.weights.header import DTYPES, TensorInfo, read_header
from mezzotint.weights.pickles import converted
from mezzotint.weights.scaled import unscaled
from mezzotint.weights.sniff import GGUF, HEAD, PICKLE, is_safetensors, kind_of
from mezzotint.weights.source import InMemory as InMemory
from mezzotint.weights.source import Joined as Joined
from mezzotint.weights.source import Passing as Passing
from mezzotint.weights.source import TensorSource as TensorSource

_CODES = MappingProxyType({dtype: code for code, dtype in DTYPES.items()})


class SafetensorsFile(TensorSource):
    """One safetensors file. It stays mapped as long as a tensor of it lives; a later file of that name is not seen."""

    def __init__(self, path: Path, instead: Path | None = None) -> None:
        """`instead` is the file that is read in the place of `path`, which errors name all the same."""
        self.path = path
        with open(_openable(instead or path), "rb") as file:
            seen = os.fstat(file.fileno())
            size = seen.st_size
            head = file.read(HEAD)
            if not is_safetensors(head):
                _refuse(head, path)
            file.seek(0)
            header = read_header(file, size, path)
            # A private copy-on-write map: torch wants writable memory, and the file must stay as it is.
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self._read = instead or path
        self._stamp = Stamp.of(self._read, seen)
        self._stored = header.tensors
        self.metadata = header.metadata

    def __getitem__(self, name: str) -> TensorInfo:
        return self._stored[name].info

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)

    def forget(self) -> None:
        """Give back the pages that were read; they are clean, so the file has them all."""
        if sys.platform == "linux":
            self._bytes.madvise(mmap.MADV_DONTNEED)

    def unchanged(self) -> bool:
        """Whether the file was written to since. One that took its place does no harm: the first one stays mapped."""
        if self._bytes.size() != len(self._bytes):
            return False
        try:
            now = Stamp.of(self._read, self._read.stat())
        except OSError:
            return True
        then = self._stamp
        replaced = (now.device, now.inode) != (then.device, then.inode)
        return replaced or (now.size, now.changed) == (then.size, then.changed)

    def stamps(self) -> tuple[Stamp, ...]:
        """That of the file."""
        return (self._stamp,)

    def tensor(self, name: str) -> Tensor:
        """The tensor `name` as a view of the file; a copy where its bytes are not aligned for its type."""
        stored = self._stored[name]
        dtype, shape = stored.info.dtype, stored.info.shape
        if stored.start == stored.end:
            return torch.empty(shape, dtype=dtype)
        if stored.start % dtype.itemsize:
            return torch.frombuffer(bytearray(self._bytes[stored.start : stored.end]), dtype=dtype).view(
                shape
            )
        count = (stored.end - stored.start) // dtype.itemsize
        return torch.frombuffer(self._bytes, dtype=dtype, count=count, offset=stored.start).view(shape)


def open_tensors(path: Path) -> TensorSource:
    """The tensors in the file `path`, whose content and not whose name says what it is. No data of them is read yet.

    A pickle is read by a process of its own, and what came of it is kept in the cache (`pickles`). Raises
    ModelNotFound (no such file), PickleRefused (a pickle that is more than data), BadModelFile (a folder, no file of
    tensors, truncated, beyond the limits) and OutputFailed (no place for what a pickle holds).
    """
    with open(_openable(path), "rb") as file:
        head = file.read(HEAD)
    if kind_of(head) == PICKLE and not is_safetensors(head):
        return unscaled(SafetensorsFile(path, converted(path)))
    if kind_of(head) == GGUF:
        return GgufFile(path)
    return unscaled(SafetensorsFile(path))


def _openable(path: Path) -> Path:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise ModelNotFound(str(path), "check the path: there is no such file") from None
    if not stat.S_ISREG(mode):
        raise BadModelFile(path, "is not a file", hint="give the path of a .safetensors file")
    if not os.access(path, os.R_OK):
        raise BadModelFile(path, "may not be read", hint="check the permissions of the file")
    return path


def _refuse(head: bytes, path: Path) -> None:
    kind = kind_of(head)
    if not head:
        raise BadModelFile(path, "is empty")
    if kind is not None:
        raise BadModelFile(path, f"is {kind}, not safetensors", hint="give a .safetensors file")
    raise BadModelFile(path, "is truncated or no safetensors file")


def save_tensors(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write `tensors` to `path` as safetensors, all or not at all; folders on the way are made.

    Raises OutputFailed (no space, no permission); then `path` is as it was and nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(path, str(error)) from error
    write_atomically(path, lambda file: _write(file, tensors, metadata or {}))


def _write(file: BinaryIO, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    # Wide types first, so that every tensor starts where its type wants it.
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in names:
        tensor, start = tensors[name], end
        end += tensor.numel() * tensor.itemsize
        header[name] = {
            "dtype": _CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        flat = tensors[name].detach().to("cpu").contiguous().reshape(-1)
        file.write(flat.view(torch.uint8).numpy().data)
