"""Pickles are read as data: hostile ones run nothing and leave nothing, honest ones come through bit for bit."""

import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mezzotint.values.errors import BadModelFile, OutputFailed, PickleRefused
from mezzotint.values.files import cache_folder
from mezzotint.weights import confined, pickles
from mezzotint.weights.files import InMemory, TensorSource, open_tensors
from mezzotint.weights.sniff import PICKLE, sniffed
from weights.pickled import read, saved, zipped


def opened(tmp_path: Path, data: bytes) -> TensorSource:
    path = tmp_path / "model.ckpt"
    path.write_bytes(data)
    return open_tensors(path)


class Calls:
    """Pickled as a call of `function`."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def payloads(canary: Path) -> dict[str, object]:
    touch, make = f"touch {canary}", f"__import__('pathlib').Path({str(canary)!r}).touch()"
    return {
        "os.system": Calls(os.system, touch),
        "eval": {"state_dict": {"a": Calls(eval, make)}},
        "a list of calls": [1, {"b": [Calls(exec, make)]}],
        "popen": OrderedDict(a=Calls(subprocess.check_call, ["touch", str(canary)])),
        "a parameter": {"a": Calls(torch._utils._rebuild_parameter, Calls(os.system, touch), True, {})},
        "an array": {"a": np.array([Calls(os.system, touch)], dtype=object)},
    }


@pytest.mark.parametrize("case", sorted(payloads(Path("x"))))
def test_nothing_runs_and_nothing_stays(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    canary = tmp_path / "harmed"
    value = payloads(canary)[case]
    for data in (saved(value), saved(value, legacy=True), pickle.dumps(value)):
        with pytest.raises(PickleRefused, match="is a pickle that wants to run"):
            opened(tmp_path, data)
    assert not canary.exists()
    assert list((tmp_path / "cache/mezzotint/unpickled").iterdir()) == []
    with suppress(AttributeError):  # the answer of the command is no tensor
        pickle.loads(pickle.dumps(value))
    assert canary.exists(), "the payload of this test is harmless, so it tests nothing"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x80\x02", "is damaged"),
        (b"\x80\x02\x8b\xff\xff\xff\x7f", "is damaged|memory"),
        (b"\x80\x04\x96" + struct.pack("<Q", 2**40), "is damaged|memory"),
        (zipped({"m/data.pkl": b"\0" * 2**20}, zipfile.ZIP_DEFLATED), "compressed"),
        (b"\x80\x02]" + b"(" * 10**6 + b"t" * 10**6 + b"a.", "is damaged|no tensors|nested"),
        (saved({"a": torch.arange(4.0)})[:-200], "is damaged"),
    ],
)
def test_damage_is_a_typed_error(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(BadModelFile, match=reason):
        opened(tmp_path, data)


def wide(names: str) -> dict[str, Tensor]:
    torch.manual_seed(3)
    types = {"float64": 1, "float32": 1, "float16": 1, "bfloat16": 1, "int64": 9, "int32": 9, "int16": 9}
    types |= {"int8": 9, "uint8": 9, "bool": 1, "float8_e4m3fn": 1, "float8_e5m2": 1}
    return {f"{names}{t}": (torch.rand(3, 2) * high).to(getattr(torch, t)) for t, high in types.items()}


SHARED = torch.arange(12.0).reshape(3, 4)


class Old(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)


HONEST: dict[str, tuple[object, dict[str, Tensor]]] = {
    "every type": (wide(""), wide("")),
    "a training checkpoint": (
        {
            "state_dict": {"a.b": SHARED},
            "epoch": 3,
            "optimizer_states": [{"state": {0: {"exp": torch.ones(9)}}}],
        },
        {"a.b": SHARED},
    ),
    "nested": (
        {"net": {"a": SHARED}, "list": [SHARED, {"x": SHARED}]},
        {"net.a": SHARED, "list.0": SHARED, "list.1.x": SHARED},
    ),
    "views of one storage": (
        {"row": SHARED[1], "turned": SHARED.t(), "all": SHARED, "every other": SHARED[:, ::2]},
        {"row": SHARED[1], "turned": SHARED.t(), "all": SHARED, "every other": SHARED[:, ::2]},
    ),
    "a list alone": ([SHARED, 2], {"0": SHARED}),
    "parameters": ({"a": nn.Parameter(SHARED)}, {"a": SHARED}),
    "an ordered state": (OrderedDict(a=SHARED), {"a": SHARED}),
    "a module's state": (Old().state_dict(), None),  # pyright: ignore
    "empty and scalar": (
        {"none": torch.zeros(0, 3), "one": torch.tensor(2.5)},
        {"none": torch.zeros(0, 3), "one": torch.tensor(2.5)},
    ),
    "arrays beside": (
        {"a": SHARED, "n": np.arange(3, dtype=">i4")},
        {"a": SHARED, "n": torch.arange(3, dtype=torch.int32)},
    ),
    "a parameter dictionary": (
        {
            "string_to_token": {"*": 265},
            "string_to_param": nn.ParameterDict({"*": nn.Parameter(SHARED)}),
            "step": 7,
        },
        {"string_to_param.*": SHARED},
    ),
    "sets, sizes, devices": (
        {"a": SHARED, "s": {1}, "z": SHARED.shape, "d": torch.device("cpu")},
        {"a": SHARED},
    ),
    "numpy scalars": ({"a": SHARED, "loss": np.float64(3.0)}, {"a": SHARED}),
}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("case", HONEST)
def test_honest_files_come_through_bit_for_bit(case: str, old: bool, tmp_path: Path) -> None:
    value, wanted = HONEST[case]
    wanted = value if wanted is None else wanted  # pyright: ignore
    path = tmp_path / "as.safetensors"
    path.write_bytes(read(saved(value, legacy=old)))
    source = open_tensors(path)
    assert set(source) == set(wanted)
    for name, tensor in wanted.items():
        got = source.tensor(name)
        assert got.dtype == tensor.dtype and got.shape == tensor.shape
        assert (
            torch.equal(got.view(torch.uint8), tensor.contiguous().view(torch.uint8))
            if tensor.dim()
            else got == tensor
        )


def test_texts_and_numbers_beside_become_metadata(tmp_path: Path) -> None:
    source = opened(tmp_path, saved({"state_dict": {"a": SHARED}, "name": "cat", "step": 500, "x": None}))
    assert dict(source.metadata) == {"name": "cat", "step": "500"} and source.path.name == "model.ckpt"


def test_what_python_2_wrote_is_read() -> None:
    data = pickle.dumps({"a": np.ones(2), "b": b"bytes"}, protocol=2)
    assert b"_codecs" in data and read(data)
    assert any("encode" in str(argument) for _, argument, _ in pickletools.genops(data))


def test_a_file_that_cannot_be_looked_at_is_no_pickle(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(saved({"a": SHARED}))
    assert sniffed(tmp_path / "a") == PICKLE and sniffed(tmp_path) is None


def test_a_pickle_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = saved({"a": SHARED})
    assert torch.equal(opened(tmp_path, data).tensor("a"), SHARED)
    (kept,) = (tmp_path / "cache/mezzotint/unpickled").iterdir()
    monkeypatch.setattr(pickles, "run_child", None)
    (tmp_path / "again.safetensors").write_bytes(data)
    again = open_tensors(tmp_path / "again.safetensors")
    assert torch.equal(again.tensor("a"), SHARED) and again.path.name == "again.safetensors"
    assert cache_folder() in kept.parents


def test_a_cache_that_cannot_be_made_and_a_child_that_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputFailed, match="XDG_CACHE_HOME"):
        opened(tmp_path, saved({"a": SHARED}))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for start, reason in (
        ("import os; os.abort()", "its reader stopped"),
        ("print(1/0)", "its reader stopped"),
    ):
        monkeypatch.setattr(pickles, "START", start)
        with pytest.raises(BadModelFile, match=reason):
            opened(tmp_path, saved({"a": SHARED}))
    monkeypatch.setattr(pickles, "START", "import time; time.sleep(60)")
    monkeypatch.setattr(pickles, "SECONDS", 1)
    with pytest.raises(BadModelFile, match="could not be read within 1 s"):
        opened(tmp_path, saved({"a": SHARED}))
    assert list((tmp_path / "cache/mezzotint/unpickled").iterdir()) == []


GUARDED = (
    "open('/dev/null')",
    "__import__('wave')",
    "import socket; socket.socket()",
    "os.system('true')",
    "exec('1')",
)


@pytest.mark.parametrize("act", [*GUARDED, "bytearray(2**32)"])
def test_the_child_can_do_nothing_else(act: str) -> None:
    assert Path(confined.__file__).is_relative_to(pickles.SOURCES) and confined.REFUSED > 0
    code = f"import os, sys, socket; from mezzotint.weights.confined import confine; confine(0); {act}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and ("Wanted" in done.stderr or "MemoryError" in done.stderr)


def test_pickles_of_plain_arrays_are_joined_by_the_separator_asked_for(tmp_path: Path) -> None:
    source = tmp_path / "a.pkl"
    source.write_bytes(pickle.dumps({"Net": {"kernel": np.ones((2, 3), np.float32)}}))
    with source.open("rb") as file, (tmp_path / "out").open("wb") as out:
        pickles.run_child(source, file, out, "/")
    assert list(open_tensors(tmp_path / "out")) == ["Net/kernel"]
    assert InMemory(source, {}).path == source
