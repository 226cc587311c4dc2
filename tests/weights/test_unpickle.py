"""The reader of pickles alone: every name that is not data, and every damage, is refused in words."""

import pickle
import struct
import zipfile
from typing import Any

import numpy as np
import pytest
import torch

from mezzotint.weights.unpickle import MAGIC, Unfit, Wanted
from weights.pickled import archive, named, read, saved, stack, tensor_pickle, zipped

NAMES = (
    *(
        "os.system",
        "posix.system",
        "nt.system",
        "subprocess.Popen",
        "subprocess.check_output",
        "builtins.eval",
    ),
    *(
        "builtins.exec",
        "builtins.__import__",
        "builtins.getattr",
        "__builtin__.eval",
        "builtins.open",
        "runpy.run_path",
    ),
    *(
        "importlib.import_module",
        "pickle.loads",
        "marshal.loads",
        "shutil.rmtree",
        "socket.create_connection",
    ),
    *(
        "webbrowser.open",
        "code.interact",
        "pty.spawn",
        "ctypes.CDLL",
        "functools.partial",
        "operator.attrgetter",
    ),
    *("operator.methodcaller", "types.FunctionType", "torch.load", "torch.hub.load", "torch.jit.load"),
    *("torch._inductor.codecache.compile_file", "sympify.sympify", "numpy.testing._private.utils.runstring"),
    *("numpy.load", "torch.serialization.load", "torch.storage._load_from_bytes", "collections.Counter"),
    *("torch._utils._rebuild_wrapper_subclass", "diffusers.utils.get_class", "pip.main", "timeit.timeit"),
)


@pytest.mark.parametrize("full", NAMES)
def test_a_name_that_is_not_data_is_refused_by_name(full: str) -> None:
    module, _, name = full.rpartition(".")
    for data in (named(module, name), stack(module, name)):
        with pytest.raises(Wanted, match=full.replace(".", r"\.")):
            read(data)


@pytest.mark.parametrize(
    "name", ["OrderedDict.__class__", "OrderedDict.fromkeys", "OrderedDict.__init__.__globals__", "abc.sys"]
)
def test_attributes_of_allowed_names_are_refused(name: str) -> None:
    with pytest.raises(Wanted):
        read(stack("collections", name))


def test_the_archives_of_these_tests_are_like_those_of_torch() -> None:
    assert read(archive()).endswith(bytes(range(16)))
    assert b"data.pkl" in saved({"a": torch.zeros(2, 2)}) and tensor_pickle()[:2] == b"\x80\x02"


SELF: list[Any] = []
SELF.append(SELF)
DEEP: object = torch.zeros(1)
for _ in range(40):
    DEEP = {"a": DEEP}
LAUGHS: list[Any] = [b"x"]
for _ in range(30):
    LAUGHS = [LAUGHS, LAUGHS]

UNFIT: dict[str, tuple[bytes, str]] = {
    "nothing in it": (pickle.dumps({}), "holds no tensors"),
    "only texts": (pickle.dumps({"a": "text", "b": [1, 2.0]}), "holds no tensors"),
    "a circle": (pickle.dumps({"a": SELF}), "nested too deep, or in a circle"),
    "far too deep": (pickle.dumps({"a": [[[[LAUGHS]]]]}), "nested too deep"),
    "tensors too deep": (saved(DEEP), "nested too deep"),
    "compressed": (zipped({"m/data.pkl": tensor_pickle()}, zipfile.ZIP_DEFLATED), "compressed zip archive"),
    "no pickle": (zipped({"m/other": b"x"}), "without one pickle"),
    "two pickles": (zipped({"m/data.pkl": b"x", "n/data.pkl": b"x"}), "without one pickle"),
    "a pickle outside": (zipped({"../../data.pkl": tensor_pickle()}), "without one pickle"),
    "TorchScript": (zipped({"m/data.pkl": b"x", "m/constants.pkl": b"x"}), "TorchScript"),
    "big-endian": (
        zipped({"m/data.pkl": tensor_pickle(), "m/byteorder": b"big"}),
        "another kind of computer",
    ),
    "no storage": (zipped({"m/data.pkl": tensor_pickle()}), "lacks a storage"),
    "a storage elsewhere": (archive(key="../../../../etc/passwd"), "lacks a storage"),
    "a short storage": (
        zipped({"m/data.pkl": tensor_pickle(), "m/data/0": b"1234"}),
        "storage of another length",
    ),
    "beyond the storage": (archive(offset=1), "reaches beyond"),
    "far strides": (archive(strides=(2**40, 1)), "reaches beyond"),
    "values repeated": (archive(shape=(2**40,), strides=(0,)), "reaches beyond"),
    "negative sides": (archive(shape=(-2, 2)), "impossible shape"),
    "huge sides": (archive(shape=(2**60, 2)), "impossible shape"),
    "sides without steps": (archive(strides=(1,)), "impossible shape"),
    "too many sides": (archive(shape=(1,) * 9, strides=(1,) * 9), "impossible shape"),
    "text for a shape": (archive(shape="ab"), "impossible shape"),
    "no storage tuple": (archive(storage=("module", 1)), "no storage"),
    "a negative count": (archive(count=-1), "no storage"),
    "a storage that is none": (
        named("torch._utils", "_rebuild_tensor_v2", b"(I1\nI0\n(tI0\ntR"),
        "impossible shape|no storage",
    ),
    "an array of texts": (pickle.dumps({"a": np.array(["x"])}), "not of numbers"),
    "an array of complex numbers": (pickle.dumps({"a": np.array([1j])}), "not of numbers"),
    "a wrong encoding": (named("_codecs", "encode", b"(Vx\nVrot13\ntR"), "unknown encoding"),
    "a name twice": (
        zipped({"m/data.pkl": pickle.dumps({"a": {"b": np.ones(1)}, "a.b": np.ones(1)}), "m/data/0": b""}),
        "holds a name twice",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_is_damaged_or_beyond_the_limits_is_a_reason(case: str) -> None:
    data, reason = UNFIT[case]
    with pytest.raises(Unfit, match=reason):
        read(data)


def test_entries_that_overlap_are_refused() -> None:
    data = bytearray(zipped({"m/data.pkl": tensor_pickle(), "m/data/0": bytes(16)}))
    place = data.rindex(b"PK\x01\x02")
    data[place + 20 : place + 28] = struct.pack("<II", 10**6, 10**6)
    with pytest.raises(Unfit, match="overlap"):
        read(bytes(data))


def test_a_pickle_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mezzotint.weights.unpickle.MAX_PICKLE", 10)
    with pytest.raises(Unfit, match="too large"):
        read(archive())


def test_many_views_of_one_storage_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    base = torch.zeros(1000)
    data = saved({f"{n}": base for n in range(50)})
    monkeypatch.setattr("mezzotint.weights.harvest.SLACK", 0)
    with pytest.raises(Unfit, match="far larger"):
        read(data)


def legacy(*parts: object, tail: bytes = b"") -> bytes:
    return b"".join(pickle.dumps(part, 2) for part in parts) + tail


STREAM = {"a": torch.arange(4.0)}
LEGACY: dict[str, tuple[bytes, str]] = {
    "another version": (legacy(MAGIC, 1002, {}), "unknown version"),
    "big-endian": (legacy(MAGIC, 1001, {"little_endian": False}), "another kind of computer"),
    "no list of storages": (legacy(MAGIC, 1001, {}, {}, 5), "does not say where"),
    "unknown storages": (legacy(MAGIC, 1001, {}, {}, ["x"]), "no tensor points to"),
    "truncated": (saved(STREAM, legacy=True)[:-1], "is truncated"),
    "without storages": (legacy(MAGIC, 1001, {}) + tensor_pickle() + pickle.dumps([]), "lacks a storage"),
    "a stream that is none": (tensor_pickle(), "lacks a storage"),
}


@pytest.mark.parametrize("case", LEGACY)
def test_damaged_streams(case: str) -> None:
    data, reason = LEGACY[case]
    with pytest.raises(Unfit, match=reason):
        read(data)
