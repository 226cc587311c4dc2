"""Gathers the tensors of an opened pickle under their joined keys, and writes them as safetensors.

Takes what `unpickle` gives. Gives bytes in a file; nothing is written before everything has been judged. Knows no
torch: values are copied as they are, bfloat16 and float8 too.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from mezzotint.weights.old_tar import is_tar, opened_tar
from mezzotint.weights.unpickle import MAX_ITEMS, WIDTHS, Fetch, Held, Storage, Tensor, Unfit, opened

MAX_DEPTH = 32
MAX_NOTES = 64
SLACK = 64 * 2**20

Leaf = Tensor | NDArray[Any]


@dataclass(frozen=True)
class Found:
    """All tensors of a pickle by their joined keys, and short texts and numbers that stood beside them."""

    tensors: dict[str, Leaf]
    notes: dict[str, str]


def found_in(root: object, separator: str) -> Found:
    """The tensors in `root`, or of training checkpoints those of its `state_dict`. Raises Unfit."""
    if isinstance(root, Mapping):
        whole = cast("Mapping[object, object]", root)
        inner = whole.get("state_dict")
        root = cast("object", inner) if isinstance(inner, Mapping) else cast("object", root)
        beside = [(str(k), v) for k, v in whole.items() if isinstance(v, str | int | float)]
    else:
        beside = []
    tensors: dict[str, Leaf] = {}
    for count, (name, leaf) in enumerate(_walk(root, "", separator, [MAX_ITEMS], 0)):
        if name in tensors or count > MAX_ITEMS:
            raise Unfit("holds a name twice")
        tensors[name] = leaf
    if not tensors:
        raise Unfit("holds no tensors")
    return Found(tensors, {key: str(value)[:512] for key, value in beside[:MAX_NOTES]})


def _walk(
    value: object, path: str, separator: str, left: list[int], depth: int
) -> Iterator[tuple[str, Leaf]]:
    left[0] -= 1
    if depth > MAX_DEPTH or left[0] < 0:
        raise Unfit("is nested too deep, or in a circle")
    if isinstance(value, Held):
        value = value.state
        if isinstance(value, Mapping) and "_parameters" in value:
            value = cast("Mapping[str, object]", value)["_parameters"]
    if isinstance(value, Tensor):
        yield path, value
    elif isinstance(value, np.ndarray):
        array = cast("NDArray[Any]", value)
        if array.dtype.kind not in "fiub" or array.dtype.newbyteorder("<") not in _CODES:
            raise Unfit(f"holds an array that is not of numbers ({path[:60]})")
        yield path, array
    else:
        pairs: list[tuple[object, object]] = []
        if isinstance(value, Mapping):
            pairs = list(cast("Mapping[object, object]", value).items())
        elif isinstance(value, list | tuple):
            pairs = list(enumerate(cast("list[object]", value)))
        for key, inner in pairs:
            if not isinstance(inner, str | int | float | bytes | None):
                name = str(key)[:1024] if isinstance(key, str | int) else type(key).__name__
                yield from _walk(
                    inner, f"{path}{separator}{name}" if path else name, separator, left, depth + 1
                )


_CODES: Mapping[np.dtype[Any], str] = MappingProxyType(
    {
        np.dtype("<f8"): "F64",
        np.dtype("<f4"): "F32",
        np.dtype("<f2"): "F16",
        np.dtype("?"): "BOOL",
        np.dtype("<i8"): "I64",
        np.dtype("<i4"): "I32",
        np.dtype("<i2"): "I16",
        np.dtype("i1"): "I8",
        np.dtype("u1"): "U8",
    }
)


def write(found: Found, fetch: Fetch, size: int, out: BinaryIO) -> None:
    """Write `found` as safetensors; a file of `size` bytes may not become more than twice as large. Raises Unfit."""
    header: dict[str, object] = {"__metadata__": found.notes} if found.notes else {}
    end = 0
    for name, leaf in found.tensors.items():
        code = leaf.kind.code if isinstance(leaf, Tensor) else _CODES[leaf.dtype.newbyteorder("<")]
        start, end = end, end + prod(leaf.shape) * WIDTHS[code]
        header[name] = {"dtype": code, "shape": list(leaf.shape), "data_offsets": [start, end]}
    if end > 2 * size + SLACK:
        raise Unfit("becomes far larger than it is when it is read")
    text = json.dumps(header, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    out.write(len(text).to_bytes(8, "little") + text)
    last: tuple[Storage | None, bytes] = None, b""
    for leaf in found.tensors.values():
        if isinstance(leaf, Tensor):
            last = last if last[0] == leaf.storage else (leaf.storage, fetch(leaf.storage))
            out.write(_bytes(leaf, last[1]))
        else:
            out.write(np.ascontiguousarray(leaf, leaf.dtype.newbyteorder("<")).tobytes())


def _bytes(tensor: Tensor, data: bytes) -> bytes:
    width = WIDTHS[tensor.kind.code]
    if len(data) != tensor.storage.count * WIDTHS[tensor.storage.kind.code]:
        raise Unfit("has a storage of another length than its tensors need")
    flat = np.frombuffer(data, f"<u{width}", len(data) // width)
    if not prod(tensor.shape):
        return b""
    steps = [step * width for step in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps, writeable=False)
    return np.ascontiguousarray(view).tobytes()


def convert(file: BinaryIO, out: BinaryIO, separator: str = ".") -> None:
    """Read the pickle in `file` and write what it holds to `out` as safetensors. Call it in a process of its own.

    Raises Wanted and Unfit, and whatever a damaged pickle makes Python's reader raise.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    root, fetch = opened_tar(file, size) if is_tar(file) else opened(file, size)
    write(found_in(root, separator), fetch, size, out)
