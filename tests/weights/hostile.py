"""Pickles that ask for more than data, by name: each is made for a canary, a file that only its payload would make.

Used by tests and by `bench/bad_files.py`. Those that name real functions would run them under `pickle.load`.
"""

import os
import pickle
import runpy
import shutil
import struct
import subprocess
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weights.pickled import saved, tar, tensor_pickle, zipped

Made = Callable[[Path], bytes]


class Calls:
    """Pickled as a call of `function`."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def touching(canary: Path) -> Calls:
    return Calls(os.system, f"touch {canary}")


def making(canary: Path) -> str:
    return f"__import__('pathlib').Path({str(canary)!r}).touch()"


def short(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def asks(module: str, name: str, *arguments: str) -> bytes:
    """A call by a name that need not be importable here: protocol 2, arguments are texts."""
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + b"".join(map(short, arguments)) + b"tR."


def object_array(value: object) -> Any:
    return np.array([value], dtype=object)


NOTHING = pickle.dumps(0, 2) + pickle.dumps([], 2)

CALLS: Mapping[str, Made] = {
    "os.system in a zip": lambda c: saved({"a": touching(c)}),
    "os.system in a legacy stream": lambda c: saved({"a": touching(c)}, legacy=True),
    "os.system in a raw pickle": lambda c: pickle.dumps(touching(c)),
    **{f"protocol {p}": lambda c, p=p: pickle.dumps({"a": touching(c)}, p) for p in range(6)},
    "eval": lambda c: saved(Calls(eval, making(c))),
    "exec": lambda c: saved({"a": [Calls(exec, making(c))]}),
    "subprocess": lambda c: pickle.dumps(Calls(subprocess.check_call, ["touch", str(c)])),
    "runpy": lambda c: pickle.dumps(Calls(runpy.run_module, "this")),
    "open for writing": lambda c: pickle.dumps(Calls(open, str(c), "w")),
    "shutil.copy": lambda c: pickle.dumps(Calls(shutil.copy, "/dev/null", str(c))),
    "nested reduce": lambda c: saved({"a": Calls(list, Calls(tuple, [touching(c)]))}),
    "reduce in a state_dict": lambda c: saved({"state_dict": {"a": torch.ones(1), "b": touching(c)}}),
    "reduce as a key": lambda c: saved({("a", touching(c)): 1}),
    "reduce in a set": lambda c: pickle.dumps({1: {touching(c)}}),
    "reduce beside lightning's metadata": lambda c: saved(
        {
            "state_dict": {"a": torch.ones(1)},
            "callbacks": {"x": touching(c)},
            "pytorch-lightning_version": "1",
        }
    ),
    "reduce in an ordered dictionary": lambda c: saved(OrderedDict(a=touching(c))),
    "reduce in a parameter": lambda c: saved(
        {"a": Calls(torch._utils._rebuild_parameter, touching(c), True, OrderedDict())}
    ),
    "numpy object array": lambda c: saved({"a": object_array(touching(c))}),
    "numpy object array in a raw pickle": lambda c: pickle.dumps({"a": object_array(touching(c))}),
    "getattr": lambda c: asks("builtins", "getattr", "os", "system"),
    "torch._inductor.codecache": lambda c: asks(
        "torch._inductor.codecache", "_load_triton_kernel_from_source", "x", making(c)
    ),
    "sympify": lambda c: asks("sympy.core.sympify", "sympify", making(c)),
    "a dynamic module of diffusers": lambda c: asks(
        "diffusers.utils.dynamic_modules_utils", "get_class_from_dynamic_module", "x/y", "z.py"
    ),
    "numpy's runstring": lambda c: asks("numpy.testing._private.utils", "runstring", making(c)),
    "torch.load inside": lambda c: asks("torch.serialization", "load", "other.pt"),
    "storage from bytes": lambda c: asks("torch.storage", "_load_from_bytes", "x"),
    "torch.hub": lambda c: asks("torch.hub", "load", "a/b"),
    "a class of the main program": lambda c: asks("__main__", "Harm"),
    "pip": lambda c: asks("pip._internal", "main", "install"),
    "ctypes": lambda c: asks("ctypes", "CDLL", "libc.so.6"),
    "INST": lambda c: b"(" + f"S'touch {c}'\n".encode() + b"ios\nsystem\n.",
    "OBJ": lambda c: b"\x80\x02(cos\nsystem\n" + short(f"touch {c}") + b"o.",
    "NEWOBJ": lambda c: b"\x80\x02csubprocess\nPopen\n" + short(f"touch {c}") + b"\x85\x81.",
    "STACK_GLOBAL": lambda c: (
        b"\x80\x04" + short("os") + short("system") + b"\x93" + short(f"touch {c}") + b"\x85R."
    ),
    "STACK_GLOBAL through an allowed name": lambda c: (
        b"\x80\x04" + short("collections") + short("OrderedDict.__init__.__globals__") + b"\x93."
    ),
    "BUILD that sets attributes": lambda c: (
        b"\x80\x02ccollections\nabc\n}" + short("x") + short("y") + b"sb."
    ),
    "a tar of before 0.1.2": lambda c: tar(
        pickle=pickle.dumps(touching(c), 2), tensors=pickle.dumps(0, 2), storages=NOTHING
    ),
    "a tar whose storages call": lambda c: tar(
        pickle=pickle.dumps({}, 2), tensors=pickle.dumps(0, 2), storages=pickle.dumps(touching(c), 2)
    ),
}
"""Refused by the name of what they ask for: PickleRefused."""

LONG = 2**40
DAMAGED: Mapping[str, tuple[Made, str]] = {
    "zip bomb": (
        lambda c: zipped({"archive/data.pkl": b"\0" * 100_000_000}, zipfile.ZIP_DEFLATED),
        "compressed zip archive",
    ),
    "TorchScript": (
        lambda c: zipped({"m/data.pkl": pickle.dumps({}), "m/constants.pkl": b"x", "m/code/a.py": b"x"}),
        "is a TorchScript program",
    ),
    "truncated": (lambda c: saved({"a": torch.arange(4.0)})[:-200], "is damaged"),
    "a name that leaves the archive": (
        lambda c: zipped({"../../data.pkl": tensor_pickle()}),
        "without one pickle",
    ),
    "a storage that leaves the archive": (
        lambda c: zipped({"m/data.pkl": tensor_pickle(key="../../../../etc/passwd")}),
        "lacks a storage",
    ),
    "a tensor beyond its storage": (
        lambda c: zipped({"m/data.pkl": tensor_pickle(offset=1), "m/data/0": bytes(16)}),
        "reaches beyond",
    ),
    "a tensor of a terabyte": (
        lambda c: zipped({"m/data.pkl": tensor_pickle(shape=(LONG,), strides=(0,)), "m/data/0": bytes(16)}),
        "reaches beyond",
    ),
    "a text of a terabyte": (lambda c: b"\x80\x04\x8d" + struct.pack("<Q", LONG), "is damaged|memory"),
    "bytes of a terabyte": (lambda c: b"\x80\x04\x8e" + struct.pack("<Q", LONG), "is damaged|memory"),
    "a frame of a terabyte": (lambda c: b"\x80\x04\x95" + struct.pack("<Q", LONG), "is damaged|memory"),
    "a billion laughs": (
        lambda c: b"\x80\x02](" + b"2" * 60 + b"e" + b"20" * 30 + b".",
        "damaged|no tensors",
    ),
    "a million marks": (
        lambda c: b"\x80\x02]" + b"(" * 10**6 + b"t" * 10**6 + b"a.",
        "damaged|tensors|nested",
    ),
    "an extension": (lambda c: b"\x80\x02\x82\x01.", "is damaged"),
    "a persistent name": (lambda c: b"\x80\x02" + short("os.system") + b"Q.", "no storage"),
    "only a protocol": (lambda c: b"\x80\x02", "is damaged"),
    "texts and numbers": (lambda c: pickle.dumps({"a": "b", "c": 1}), "holds no tensors"),
}
"""Refused for what they are: BadModelFile, and what it says."""
