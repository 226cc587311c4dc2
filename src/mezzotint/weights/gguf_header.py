"""The header of a GGUF file, held to limits before anything is allocated for it.

Takes an open file. Gives shape, type and place of every tensor, and the texts and numbers beside them; anything else is
a `BadModelFile` that says what is wrong. Format: ggml's docs/gguf.md, versions 2 and 3. Does not read tensor data.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NoReturn

from mezzotint.values.errors import BadModelFile, shorten
from mezzotint.weights.header import MAX_METADATA, MAX_NAME, MAX_RANK, MAX_SIDE, MAX_TENSORS

MAX_HEADER = 32 * 2**20
MAX_TEXT = 2**20
KEPT_TEXT = 4096
"""Longer texts (templates, vocabularies) are passed over."""
MAX_LIST = 1_000_000

BLOCKS: Mapping[int, tuple[str, int, int]] = MappingProxyType(
    {
        0: ("F32", 1, 4),
        1: ("F16", 1, 2),
        2: ("Q4_0", 32, 18),
        3: ("Q4_1", 32, 20),
        6: ("Q5_0", 32, 22),
        7: ("Q5_1", 32, 24),
        8: ("Q8_0", 32, 34),
        10: ("Q2_K", 256, 84),
        11: ("Q3_K", 256, 110),
        12: ("Q4_K", 256, 144),
        13: ("Q5_K", 256, 176),
        14: ("Q6_K", 256, 210),
        30: ("BF16", 1, 2),
    }
)
"""Per type number of ggml: its name, the values of a block and the bytes of a block."""

_SCALARS: Mapping[int, str] = MappingProxyType(
    {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
)
_TEXT, _LIST = 8, 9
SHAPE = "comfy.gguf.orig_shape."
"""Before the name of a tensor: its shape, where rows were joined to be long enough for a block."""


@dataclass(frozen=True)
class Quantised:
    """One tensor: its shape in torch's order, its type by ggml's name, and where its bytes lie in the file."""

    shape: tuple[int, ...]
    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class GgufHeader:
    """All tensors of a file by name, and its texts and numbers; longer lists are left out."""

    tensors: Mapping[str, Quantised]
    metadata: Mapping[str, str]


class _Bytes:
    """The header as a stream that never gives more than the limit."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self.path, self.place = file, path, 0

    def fail(self, reason: str) -> NoReturn:
        raise BadModelFile(self.path, reason)

    def take(self, count: int) -> bytes:
        self.place += count
        if self.place > MAX_HEADER:
            self.fail(f"has a header of more than the {MAX_HEADER} bytes allowed")
        data = self._file.read(count)
        if len(data) != count:
            self.fail("is truncated: its header is incomplete")
        return data

    def number(self, code: str) -> int | float | bool:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def natural(self, code: str, most: int, what: str) -> int:
        value = int(self.number(code))
        if value > most:
            self.fail(f"has {what} of {value}, more than the {most} allowed")
        return value

    def text(self, most: int, what: str) -> str:
        data = self.take(self.natural("Q", most, f"{what} with a length"))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            self.fail(f"has {what} that is not text")


def read_gguf_header(file: BinaryIO, size: int, path: Path) -> GgufHeader:
    """The header of the open `file` of `size` bytes; `path` only names the file in errors. Raises BadModelFile."""
    data = _Bytes(file, path)
    if data.take(4) != b"GGUF":
        data.fail("is no GGUF file")
    version = int(data.number("I"))
    if version not in (2, 3):
        big = struct.unpack(">I", struct.pack("<I", version))[0] in (2, 3)
        data.fail(
            "is for big-endian computers" if big else f"is GGUF version {version}, and 2 and 3 are read"
        )
    count = data.natural("Q", MAX_TENSORS, "a number of tensors")
    entries = data.natural("Q", MAX_METADATA, "a number of entries")
    metadata: dict[str, str] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for _ in range(entries):
        key = data.text(2**16, "a key")
        value = _value(data, data.natural("I", 12, "a type of value"))
        if isinstance(value, list):
            if key.startswith(SHAPE):
                shapes[key.removeprefix(SHAPE)] = tuple(int(side) for side in value)
        elif len(text := str(value)) <= KEPT_TEXT:
            metadata[key] = text
    listed = [_described(data) for _ in range(count)]
    align = metadata.get("general.alignment", "32")
    if not align.isdecimal() or not 0 < int(align) <= 2**16 or int(align) & (int(align) - 1):
        data.fail(f"has an impossible alignment ({shorten(align, 20)})")
    begin = -(-data.place // int(align)) * int(align)
    tensors = _placed(data, listed, shapes, begin, size)
    return GgufHeader(MappingProxyType(tensors), MappingProxyType(metadata))


def _value(data: _Bytes, kind: int) -> str | float | list[float]:
    if kind == _TEXT:
        return data.text(MAX_TEXT, "a value")
    if kind != _LIST:
        return data.number(_SCALARS[kind])
    inner = data.natural("I", 12, "a type of value")
    length = data.natural("Q", MAX_LIST, "a list with a length")
    if inner == _LIST:
        data.fail("has a list of lists")
    if inner == _TEXT:
        for _ in range(length):
            data.text(MAX_TEXT, "a value")
        return []
    code = _SCALARS[inner]
    raw = data.take(length * struct.calcsize("<" + code))
    return list(struct.unpack(f"<{length}{code}", raw)) if length <= MAX_RANK else []


_Listed = tuple[str, tuple[int, ...], int, int]
"""Name, sides with the innermost first, type number and offset."""


def _described(data: _Bytes) -> _Listed:
    name = data.text(MAX_NAME, "a name of a tensor")
    if not name or not name.isprintable():
        data.fail(f"has a tensor with an unusable name ({shorten(name, 40)})")
    rank = data.natural("I", MAX_RANK, "a number of axes")
    sides = tuple(data.natural("Q", MAX_SIDE, "a side") for _ in range(rank))
    return name, sides, int(data.number("I")), int(data.number("Q"))


def _placed(
    data: _Bytes, listed: list[_Listed], shapes: Mapping[str, tuple[int, ...]], begin: int, size: int
) -> dict[str, Quantised]:
    tensors: dict[str, Quantised] = {}
    for name, sides, number, offset in listed:
        label = f"tensor {shorten(name, 100)}"
        if number not in BLOCKS:
            data.fail(f"{label} is quantised as type {number} of ggml, which is not read")
        kind, values, width = BLOCKS[number]
        count = prod(sides)
        if name in tensors or (sides[:1] or (1,))[0] % values:
            data.fail(f"{label} occurs twice or has rows that are no whole blocks")
        shape = shapes.get(name, tuple(reversed(sides)))
        if prod(shape) != count or any(side < 0 for side in shape) or len(shape) > MAX_RANK:
            data.fail(f"{label} has an impossible shape")
        start = begin + offset
        tensors[name] = Quantised(shape, kind, start, start + count // values * width)
    end = begin
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start < end:
            data.fail(f"tensor {shorten(name, 100)} overlaps another one")
        end = tensor.end
    if end > size:
        data.fail(f"is truncated: {size} bytes where its header describes {end}")
    return tensors
