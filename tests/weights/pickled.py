"""Pickles for tests, honest ones and such as nobody's program writes."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from typing import Any

import torch

from mezzotint.weights.harvest import convert


def read(data: bytes) -> bytes:
    """The reader alone, in this process: it runs nothing, so that is no risk."""
    out = io.BytesIO()
    convert(io.BytesIO(data), out)
    return out.getvalue()


def saved(value: object, legacy: bool = False) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=not legacy)
    return out.getvalue()


def named(module: str, name: str, arguments: bytes = b"(S'1'\ntR") -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n" + arguments + b"."


def stack(module: str, name: str) -> bytes:
    """The same through protocol 4, where names come from the stack and may have dots."""
    out = b"\x80\x04"
    for text in (module, name):
        out += b"\x8c" + bytes([len(text)]) + text.encode()
    return out + b"\x93\x8c\x011\x85R."


def zipped(entries: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def tensor_pickle(**changed: object) -> bytes:
    """The pickle of {"a": a tensor} whose parts are as given, in the shape that PyTorch writes."""
    parts: dict[str, Any] = {
        "offset": 0,
        "shape": (2, 2),
        "strides": (2, 1),
        "count": 4,
        "key": "0",
        "storage": None,
    }
    parts |= changed

    class Pid:
        pass

    class Writer(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            if isinstance(obj, Pid):
                return parts["storage"] or (
                    "storage",
                    torch.FloatStorage,
                    parts["key"],
                    "cpu",
                    parts["count"],
                )
            return None

    class Fake:
        def __reduce__(self) -> tuple[object, ...]:
            arguments = (Pid(), parts["offset"], parts["shape"], parts["strides"], False, OrderedDict())
            return torch._utils._rebuild_tensor_v2, arguments

    out = io.BytesIO()
    Writer(out, 2).dump({"a": Fake()})
    return out.getvalue()


def archive(**changed: object) -> bytes:
    return zipped({"m/data.pkl": tensor_pickle(**changed), "m/data/0": bytes(range(16))})


def tar(**members: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return out.getvalue()


class _Numbered:
    """Pickled as a reference to the tensor or storage with this number."""

    def __init__(self, number: int) -> None:
        self.number = number


class _Numbering(pickle.Pickler):
    def persistent_id(self, obj: object) -> int | None:
        return obj.number if isinstance(obj, _Numbered) else None


def old_tar(**changed: object) -> bytes:
    """What PyTorch before 0.1.2 wrote for {"a": 2 x 3, "part": 2 of the same storage, "none": no value}; parts of it
    are changed by name."""
    parts: dict[str, Any] = {
        "storages": [(10, "cpu", torch.FloatStorage), (20, "cpu", torch.HalfStorage)],
        "data": [torch.arange(6.0), torch.arange(2).half()],
        "views": [(11, 10, 2, 2)],
        "tensors": [
            (1, 10, torch.FloatTensor, (2, 3), (1, 2), 0),
            (2, 11, torch.FloatTensor, (2,), (1,), 0),
            (3, 20, torch.HalfTensor, (2,), (1,), 0),
        ],
        "count": None,
        "root": {"a": _Numbered(1), "part": _Numbered(2), "half": _Numbered(3), "epoch": 4},
    } | changed
    storages = pickle.dumps(len(parts["storages"]), 2)
    for about, data in zip(parts["storages"], parts["data"], strict=True):
        storages += pickle.dumps(about, 2) + struct.pack("<q", data.numel()) + data.numpy().tobytes()
    storages += pickle.dumps(parts["views"], 2)
    tensors = pickle.dumps(len(parts["tensors"]) if parts["count"] is None else parts["count"], 2)
    for number, storage, kind, shape, strides, offset in parts["tensors"]:
        sides = [len(shape), *shape, *strides, offset]
        tensors += pickle.dumps((number, storage, kind), 2) + struct.pack(f"<{len(sides)}q", *sides)
    out = io.BytesIO()
    _Numbering(out, 2).dump(parts["root"])
    system = pickle.dumps({"protocol_version": 1000, "little_endian": True}, 2)
    return tar(sys_info=system, pickle=out.getvalue(), storages=storages, tensors=tensors)
