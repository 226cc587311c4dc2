"""Pickles for tests, honest ones and such as nobody's program writes."""

import io
import pickle
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
