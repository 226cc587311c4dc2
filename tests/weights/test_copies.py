"""Copies of weights: bit-equal to torch's own casts, in memory of their own, and no number that is none gets by."""

import os
from pathlib import Path

import pytest
import torch

from mezzotint.weights.copies import BLOCK, copied
from mezzotint.weights.files import Joined, Passing, open_tensors, save_tensors
from mezzotint.weights.scaled import MARKER

TYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn)


@pytest.mark.parametrize("stored", TYPES)
@pytest.mark.parametrize("wanted", TYPES[:3])
def test_a_copy_is_what_torch_casts(stored: torch.dtype, wanted: torch.dtype) -> None:
    whole = torch.randn(BLOCK // 4 + 3, 5).to(stored)
    for tensor in (whole, whole.t(), whole[:0], whole[0, 0], torch.nn.Parameter(whole.float())):
        copy, finite = copied(tensor, wanted)
        assert finite and copy.is_contiguous() and copy.dtype == wanted and not copy.requires_grad
        assert torch.equal(copy, tensor.detach().to(torch.float32).to(wanted))
        assert copy.data_ptr() != tensor.data_ptr() or not copy.numel()


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("place", [0, BLOCK - 1, BLOCK, BLOCK + 6])
def test_one_value_that_is_no_number_is_seen(value: float, place: int) -> None:
    values = torch.ones(BLOCK + 7)
    assert copied(values, torch.float16)[1]
    values[place] = value
    assert not copied(values, torch.float32)[1] and not copied(values.view(-1, 1).t(), torch.float16)[1]


def test_a_sum_out_of_range_is_no_fault() -> None:
    assert copied(torch.full((9,), 60000.0), torch.float16)[1]
    assert not copied(torch.full((9,), 70000.0), torch.float16)[1]


def test_memory_goes_back_and_values_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tensors({"a": torch.ones(3), "b": torch.arange(4.0)}, tmp_path / "a")
    source = open_tensors(tmp_path / "a")
    monkeypatch.setattr(Passing, "_ENOUGH", 0)
    passing = Passing({name: source.tensor(name) for name in source}, source)
    assert len(passing) == 2 and [t.tolist() for t in passing.values()] == [[1, 1, 1], [0, 1, 2, 3]]
    Joined(tmp_path, (source,)).forget()
    assert source.tensor("b").tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("marked", [False, True])
def test_a_file_that_is_written_to_is_known_to_be_changed(tmp_path: Path, marked: bool) -> None:
    path = tmp_path / "a"
    more = {MARKER: torch.zeros(0).to(torch.float8_e4m3fn)} if marked else {}
    save_tensors({"a": torch.ones(3)} | more, path)
    source = Joined(tmp_path, (open_tensors(path),))
    source.forget()
    assert source.unchanged()
    os.replace(path, tmp_path / "b")
    save_tensors({"a": torch.zeros(3)}, path)
    assert source.unchanged(), "another file took its place, the first is still mapped"
    os.replace(tmp_path / "b", path)
    os.utime(path, ns=(1, 1))
    assert not source.unchanged()
    path.unlink()
    assert source.unchanged()
    short = open_tensors_of(tmp_path / "c")
    with (tmp_path / "c").open("r+b") as file:
        file.truncate(8)
    assert not short.unchanged()


def open_tensors_of(path: Path):
    save_tensors({"a": torch.ones(3)}, path)
    return open_tensors(path)
