"""Reads a pickle of tensors as data: names in it stand for values in a short list, never for code.

Takes an open file. Gives what the pickle holds and a way to read its storages; what is not data is refused by name.
Knows PyTorch's zip files, its older streams, and plain pickles of numpy arrays (`old_tar` knows what came before);
nothing of torch or of anybody else is imported or called. Formats: torch/serialization.py, Python's pickletools. To
be called in a process of its own.
"""

import io
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any, BinaryIO, NoReturn, cast

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
"""The number that PyTorch's older streams begin with."""
MAX_ITEMS = 1_000_000
MAX_RANK = 8
MAX_PICKLE = 256 * 2**20

WIDTHS: Mapping[str, int] = MappingProxyType(
    {
        "F64": 8,
        "F32": 4,
        "F16": 2,
        "BF16": 2,
        "F8_E4M3": 1,
        "F8_E5M2": 1,
        "I64": 8,
        "I32": 4,
        "I16": 2,
        "I8": 1,
        "U8": 1,
        "BOOL": 1,
    }
)
"""Bytes of a value, by the names that safetensors has for types."""


class Wanted(Exception):
    """The pickle names something that is not data; the message is that name."""


class Unfit(Exception):
    """The file is damaged, beyond the limits, or holds no tensors; the message says so."""


@dataclass(frozen=True)
class Kind:
    """A type of values, under its safetensors name."""

    code: str


@dataclass(frozen=True)
class Storage:
    """A run of bytes of the file: `count` values of a kind, found under `key`."""

    kind: Kind
    key: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A view of a storage, in values."""

    storage: Storage
    kind: Kind
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def rebuilt(storage: object, offset: object, shape: object, strides: object, *rest: object) -> Tensor:
    """A view of a storage as a tensor, checked to lie inside it. Raises Unfit."""
    if not isinstance(storage, Storage):
        raise Unfit("a tensor of it has no storage")
    kind = rest[2] if len(rest) > 2 and isinstance(rest[2], Kind) else storage.kind
    sides, steps = _naturals(shape), _naturals(strides)
    (start,) = _naturals((offset,))
    if len(sides) != len(steps) or len(sides) > MAX_RANK:
        raise Unfit("a tensor of it has an impossible shape")
    there = storage.count * WIDTHS[storage.kind.code] // WIDTHS[kind.code]
    last = start + sum((side - 1) * step for side, step in zip(sides, steps, strict=True))
    # A view that repeats values could be far larger than the file.
    if prod(sides) > there or (prod(sides) and last >= there):
        raise Unfit("a tensor of it reaches beyond its storage")
    return Tensor(storage, kind, start, sides, steps)


def _naturals(values: object) -> tuple[int, ...]:
    if isinstance(values, tuple | list):
        numbers = cast("tuple[object, ...]", values)
        if all(type(n) is int and 0 <= n < 2**48 for n in numbers):
            return tuple(cast("tuple[int, ...]", numbers))
    raise Unfit("a tensor of it has an impossible shape")


def _first(value: object, *_: object) -> object:
    return value


def _encoded(text: object, encoding: object = "latin1") -> bytes:
    # How Python 2 bytes come through protocol 2.
    if isinstance(text, str) and encoding in {"latin1", "latin-1"}:
        return text.encode("latin-1")
    raise Unfit("holds text in an unknown encoding")


class Held:
    """Stands for an object whose class is known to be harmless: keeps what it is given, does nothing."""

    def __init__(self, *_: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _array(*_: object) -> object:
    return np.zeros(0)


_STORAGES = MappingProxyType(
    {
        "Double": "F64",
        "Float": "F32",
        "Half": "F16",
        "BFloat16": "BF16",
        "Untyped": "U8",
        "Long": "I64",
        "Int": "I32",
        "Short": "I16",
        "Char": "I8",
        "Byte": "U8",
        "Bool": "BOOL",
    }
)
_TYPES = MappingProxyType(
    {
        "float64": "F64",
        "float32": "F32",
        "float16": "F16",
        "bfloat16": "BF16",
        "uint8": "U8",
        "bool": "BOOL",
        "int64": "I64",
        "int32": "I32",
        "int16": "I16",
        "int8": "I8",
        "float8_e4m3fn": "F8_E4M3",
        "float8_e5m2": "F8_E5M2",
    }
)
_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")

ALLOWED: Mapping[tuple[str, str], object] = MappingProxyType(
    {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor"): rebuilt,
        ("torch._utils", "_rebuild_tensor_v2"): rebuilt,
        ("torch._utils", "_rebuild_tensor_v3"): rebuilt,
        ("torch._utils", "_rebuild_parameter"): _first,
        ("torch._utils", "_rebuild_parameter_with_state"): _first,
        ("torch", "Size"): tuple,
        ("torch", "device"): Held,
        ("torch.nn.parameter", "Parameter"): Held,
        ("torch.nn.modules.container", "ParameterDict"): Held,
        ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"): Held,
        ("lightning.pytorch.callbacks.model_checkpoint", "ModelCheckpoint"): Held,
        ("_codecs", "encode"): _encoded,
        ("builtins", "set"): set,
        ("__builtin__", "set"): set,
        **{("torch" + cuda, f"{n}Storage"): Kind(c) for n, c in _STORAGES.items() for cuda in ("", ".cuda")},
        **{("torch" + cuda, f"{n}Tensor"): Kind(c) for n, c in _STORAGES.items() for cuda in ("", ".cuda")},
        ("torch.storage", "UntypedStorage"): Kind("U8"),
        **{("torch", name): Kind(code) for name, code in _TYPES.items()},
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        **{(module, "_reconstruct"): _array for module in _NUMPY},
        **{(module, "scalar"): Held for module in _NUMPY},
    }
)
"""Everything that a pickle may name, and what stands for it here."""


class Reader(pickle.Unpickler):
    """The unpickler; `storages` collects what the tensors point to."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, Storage] = {}

    def find_class(self, module_name: str, global_name: str) -> Any:
        """The stand-in for a name of the pickle. Raises Wanted."""
        if (module_name, global_name) not in ALLOWED:
            raise Wanted(f"{module_name}.{global_name}")
        return ALLOWED[module_name, global_name]

    def persistent_load(self, pid: Any) -> object:
        """The storage that a tensor points to: ('storage', kind, key, place, count, ...).

        Older streams also have ('module', class, file, source) for the class of a container, which is in the list.
        """
        match pid:
            case ("module", type() as stand_in, *_) if stand_in is Held:
                return Held
            case ("storage", Kind() as kind, str() as key, _, int() as count, *_) if 0 <= count < 2**48:
                return self.storages.setdefault(key, Storage(kind, key, count))
            case _:
                raise Unfit("points to something that is no storage")


Fetch = Callable[[Storage], bytes]
"""Reads the bytes of a storage."""


def opened(file: BinaryIO, size: int) -> tuple[object, Fetch]:
    """What the pickle in `file` of `size` bytes holds, and how to read its storages. Raises Wanted and Unfit."""
    head = file.read(4)
    file.seek(0)
    return _zipped(file, size) if head == b"PK\x03\x04" else _streamed(file, size)


def _zipped(file: BinaryIO, size: int) -> tuple[object, Fetch]:
    archive = zipfile.ZipFile(file)
    entries = archive.infolist()
    # PyTorch stores without compression, so what is compressed is not its, and perhaps a bomb.
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Unfit("is a compressed zip archive, which PyTorch does not write")
    if sum(entry.file_size for entry in entries) > size or len(entries) > MAX_ITEMS:
        raise Unfit("is a zip archive whose entries overlap")
    names = {entry.filename for entry in entries}
    roots = [name[: -len("data.pkl")] for name in names if re.fullmatch(r"[^/\\]+/data\.pkl", name)]
    if len(roots) != 1:
        raise Unfit("is a zip archive without one pickle of PyTorch")
    if f"{roots[0]}constants.pkl" in names:
        raise Unfit("is a TorchScript program")
    if f"{roots[0]}byteorder" in names and archive.read(f"{roots[0]}byteorder") != b"little":
        raise Unfit("has its bytes in the order of another kind of computer")

    def fetch(storage: Storage) -> bytes:
        name = f"{roots[0]}data/{storage.key}"
        if name not in names:
            raise Unfit("lacks a storage that its tensors point to")
        return archive.read(name)

    if archive.getinfo(f"{roots[0]}data.pkl").file_size > MAX_PICKLE:
        raise Unfit("has a pickle that is too large")
    return Reader(io.BytesIO(archive.read(f"{roots[0]}data.pkl"))).load(), fetch


def _streamed(file: BinaryIO, size: int) -> tuple[object, Fetch]:
    first = Reader(file).load()
    if first != MAGIC:
        return first, _nowhere
    if Reader(file).load() != 1001:
        raise Unfit("has an unknown version of PyTorch's format")
    about = Reader(file).load()
    if isinstance(about, dict) and cast("dict[str, object]", about).get("little_endian") is False:
        raise Unfit("has its bytes in the order of another kind of computer")
    reader = Reader(file)
    root = reader.load()
    keys = Reader(file).load()
    if not isinstance(keys, list):
        raise Unfit("does not say where its storages are")
    places: dict[str, int] = {}
    for key in cast("list[object]", keys):
        if not isinstance(key, str) or key not in reader.storages or key in places:
            raise Unfit("lists storages that no tensor points to")
        storage = reader.storages[key]
        count = file.read(8)
        places[key] = file.tell()
        end = places[key] + storage.count * WIDTHS[storage.kind.code]
        if len(count) != 8 or struct.unpack("<q", count)[0] != storage.count or end > size:
            raise Unfit("is truncated")
        file.seek(end)

    def fetch(storage: Storage) -> bytes:
        if storage.key not in places:
            raise Unfit("lacks a storage that its tensors point to")
        file.seek(places[storage.key])
        return file.read(storage.count * WIDTHS[storage.kind.code])

    return root, fetch


def _nowhere(storage: Storage) -> NoReturn:
    raise Unfit("lacks a storage that its tensors point to")
