"""The header of a safetensors file, held to limits before anything is allocated for it.

Takes the first bytes of a file and the file's size. Gives name, dtype, shape and place of every tensor, and the
metadata; anything else is a `BadModelFile` that says what is wrong. Format: the safetensors README (8 bytes of
little-endian header length, JSON, data without holes). Does not read tensor data and knows no model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, cast

import torch

from mezzotint.values.errors import BadModelFile, shorten

MAX_HEADER = 32 * 2**20
"""Bytes. The largest published header is below 1 MB; the format itself allows 100 MB."""
MAX_TENSORS = 100_000
MAX_METADATA = 10_000
MAX_RANK = 8
MAX_NAME = 512
MAX_SIDE = 2**31 - 1
MAX_COMMAS = 12 * MAX_TENSORS

DTYPES: Mapping[str, torch.dtype] = MappingProxyType(
    {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "F8_E4M3": torch.float8_e4m3fn,
        "F8_E5M2": torch.float8_e5m2,
        "I64": torch.int64,
        "I32": torch.int32,
        "I16": torch.int16,
        "I8": torch.int8,
        "U8": torch.uint8,
        "BOOL": torch.bool,
    }
)


@dataclass(frozen=True)
class TensorInfo:
    """What a header says about one tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True)
class Stored:
    """One tensor and where its bytes lie: `start` and `end` count from the beginning of the file."""

    info: TensorInfo
    start: int
    end: int


@dataclass(frozen=True)
class Header:
    """All tensors of a file by name, in the order of their bytes, and the file's metadata."""

    tensors: Mapping[str, Stored]
    metadata: Mapping[str, str]


def read_header(file: BinaryIO, size: int, path: Path) -> Header:
    """The header of the open `file` of `size` bytes; `path` only names the file in errors. Raises BadModelFile."""
    first = file.read(8)
    length = int.from_bytes(first, "little")
    if len(first) < 8 or length < 2 or length > size - 8:
        raise BadModelFile(path, "is truncated or no safetensors file: its header does not fit into it")
    if length > MAX_HEADER:
        raise BadModelFile(path, f"has a header of {length} bytes, more than the {MAX_HEADER} allowed")
    entries = _parse(file.read(length), path)
    metadata = _metadata(entries.pop("__metadata__", {}), path)
    if len(entries) > MAX_TENSORS:
        raise BadModelFile(path, f"lists {len(entries)} tensors, more than the {MAX_TENSORS} allowed")
    begin = 8 + length
    stored = [(name, _stored(name, entry, begin, path)) for name, entry in entries.items()]
    stored.sort(key=lambda item: (item[1].start, item[1].end))
    _check_places(stored, begin, size, path)
    return Header(MappingProxyType(dict(stored)), MappingProxyType(metadata))


def _parse(raw: bytes, path: Path) -> dict[str, object]:
    # Counted in the raw bytes, because parsing a hostile header would take seconds and hundreds of megabytes.
    if raw.count(b",") > MAX_COMMAS or raw.count(b'"data_offsets"') > MAX_TENSORS:
        raise BadModelFile(path, "has a header with more entries than the limits allow")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name occurs twice")
        return found

    try:
        parsed: object = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise BadModelFile(path, f"has an unreadable header ({shorten(str(error), 80)})") from None
    if not isinstance(parsed, dict):
        raise BadModelFile(path, "has a header that is no JSON object")
    return cast("dict[str, object]", parsed)


def _metadata(entry: object, path: Path) -> dict[str, str]:
    if not isinstance(entry, dict):
        raise BadModelFile(path, "has metadata that is no JSON object")
    pairs = cast("dict[str, object]", entry)
    if len(pairs) > MAX_METADATA:
        raise BadModelFile(path, f"has {len(pairs)} metadata entries, more than the {MAX_METADATA} allowed")
    metadata = {key: value for key, value in pairs.items() if isinstance(value, str)}
    if len(metadata) != len(pairs):
        raise BadModelFile(path, "has metadata that is not text")
    return metadata


def _stored(name: str, entry: object, begin: int, path: Path) -> Stored:
    if not name.isprintable() or not 0 < len(name.encode()) <= MAX_NAME:
        raise BadModelFile(path, f"has a tensor with an unusable name ({shorten(name, 40)})")
    label = f"tensor {shorten(name, 100)}"
    if not isinstance(entry, dict):
        raise BadModelFile(path, f"{label} has no description")
    fields = cast("dict[str, object]", entry)
    shape, offsets = _naturals(fields.get("shape")), _naturals(fields.get("data_offsets"))
    dtype = DTYPES.get(str(fields.get("dtype")))
    if dtype is None:
        raise BadModelFile(path, f"{label} has the unknown type {shorten(str(fields.get('dtype')), 20)}")
    if shape is None or len(shape) > MAX_RANK or any(side > MAX_SIDE for side in shape):
        raise BadModelFile(path, f"{label} has an impossible shape")
    if offsets is None or len(offsets) != 2 or offsets[1] - offsets[0] != prod(shape) * dtype.itemsize:
        raise BadModelFile(path, f"{label} has a length that does not agree with its shape")
    return Stored(TensorInfo(shape, dtype), begin + offsets[0], begin + offsets[1])


def _naturals(value: object) -> tuple[int, ...] | None:
    """`value` as non-negative whole numbers, or None when it is anything else (bools are no numbers here)."""
    if not isinstance(value, list):
        return None
    numbers = tuple(n for n in cast("list[object]", value) if type(n) is int and n >= 0)
    return numbers if len(numbers) == len(cast("list[object]", value)) else None


def _check_places(stored: list[tuple[str, Stored]], begin: int, size: int, path: Path) -> None:
    end = begin
    for name, tensor in stored:
        if tensor.start != end:
            raise BadModelFile(path, f"tensor {shorten(name, 100)} overlaps another one or leaves a hole")
        end = tensor.end
    if end != size:
        what = "is truncated" if end > size else "has data that no tensor owns"
        raise BadModelFile(path, f"{what}: {size} bytes where its header describes {end}")
