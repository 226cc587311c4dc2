"""The tar files of PyTorch before 0.1.2: read as torch itself reads them, and refused in words when damaged."""

import io
import os
import pickle
from pathlib import Path

import pytest
import torch

from mezzotint.weights.files import open_tensors
from mezzotint.weights.sniff import PICKLE, kind_of
from mezzotint.weights.unpickle import Unfit, Wanted
from weights.pickled import old_tar, read, tar

FLOAT = torch.FloatTensor
STORAGE = b"".join(
    (pickle.dumps(1, 2), pickle.dumps((10, "cpu", torch.FloatStorage), 2), bytes(8), pickle.dumps([], 2))
)


def test_values_are_those_that_torch_reads(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(old_tar())
    source, wanted = open_tensors(path), torch.load(path, weights_only=False)
    assert set(source) == {"a", "part", "half"} and source.metadata["epoch"] == "4"
    (tmp_path / "here").write_bytes(read(old_tar()))
    here = open_tensors(tmp_path / "here")
    for name in source:
        assert torch.equal(here.tensor(name), source.tensor(name))
        got = source.tensor(name)
        assert got.dtype == wanted[name].dtype and torch.equal(got, wanted[name])
    assert source.tensor("a").tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]


def test_it_is_told_by_its_content() -> None:
    assert kind_of(old_tar()) == PICKLE
    assert kind_of(tar(readme=b"hello")) == "a tar archive"


DAMAGED = {
    "no members": ({}, "without a model"),
    "a part elsewhere": ({"views": [(11, 10, 5, 2)]}, "part of a storage that is not there"),
    "a part of nothing": ({"views": [(11, 77, 0, 2)]}, "part of a storage that is not there"),
    "no list of parts": ({"views": 7}, "part of a storage that is not there"),
    "a storage of no kind": ({"storages": [(10, "cpu", 1), (20, "cpu", 1)]}, "storage without a number"),
    "a tensor of nothing": ({"tensors": [(1, 77, FLOAT, (2,), (1,), 0)]}, "tensor without a storage"),
    "a tensor beyond": ({"tensors": [(1, 10, FLOAT, (7,), (1,), 0)]}, "reaches beyond"),
    "a negative step": ({"tensors": [(1, 10, FLOAT, (2,), (-1,), 3)]}, "impossible shape"),
    "nine sides": ({"tensors": [(1, 10, FLOAT, (1,) * 9, (1,) * 9, 0)]}, "impossible shape"),
    "no count": ({"count": "x"}, "how many tensors"),
    "points to nothing": ({"root": {"a": 1}, "tensors": []}, "holds no tensors"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damage_is_a_reason(case: str) -> None:
    changed, reason = DAMAGED[case]
    with pytest.raises(Unfit, match=reason):
        read(old_tar(**changed) if changed else tar(pickle=b"", readme=b"x"))


def test_tensors_beyond_the_file() -> None:
    begin = pickle.dumps(1, 2) + pickle.dumps((1, 10, FLOAT), 2)
    for cut in (b"", b"\2\0\0\0", b"\2" + bytes(7) + bytes(8)):
        parts = {"pickle": pickle.dumps({}, 2), "storages": STORAGE, "tensors": begin + cut}
        data = tar(**parts)
        with pytest.raises(Unfit, match=r"is truncated|impossible shape"):
            read(data[: data.rindex(begin) + len(begin + cut)])


def test_storages_beyond_the_file() -> None:
    data = old_tar()
    place = data.index((6).to_bytes(8, "little") + torch.arange(6.0).numpy().tobytes())
    with pytest.raises(Unfit, match="is truncated"):
        read(data[:place] + (2**40).to_bytes(8, "little") + data[place + 8 :])


@pytest.mark.parametrize("pid", ["99", "x", ("storage", 1)])
def test_references_to_nothing(pid: object) -> None:
    class Refers(pickle.Pickler):
        def persistent_id(self, obj: object) -> object:
            return pid if obj == "it" else None

    out = io.BytesIO()
    Refers(out, 2).dump({"a": "it"})
    with pytest.raises(Unfit, match="no storage"):
        read(
            tar(
                pickle=out.getvalue(),
                tensors=pickle.dumps(0, 2),
                storages=pickle.dumps(0, 2) + pickle.dumps([], 2),
            )
        )


def test_names_that_are_not_data_are_refused() -> None:
    for member in ("pickle", "tensors", "storages"):
        whole = {"pickle": {}, "tensors": 0, "storages": 0} | {member: os.getcwd}
        parts = {name: pickle.dumps(value, 2) for name, value in whole.items()}
        parts["storages"] += pickle.dumps([], 2)
        with pytest.raises(Wanted, match="getcwd"):
            read(tar(**parts))
