"""Compact storage: how exact each kind is, how small, and what it refuses."""

from pathlib import Path

import pytest
import torch

from mezzotint.values.errors import BadModelFile, UnknownName
from mezzotint.weights.files import InMemory, open_tensors, save_tensors
from mezzotint.weights.storage import STORAGES, compact, restored


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    rows = torch.randn(64, 3, 3, 3) * torch.logspace(-6, 3, 64).view(-1, 1, 1, 1)
    rows[5] = 0
    return {
        "conv": rows,
        "linear": torch.randn(32, 64),
        "norm": torch.randn(2000),
        "small": torch.randn(4, 4),
    }


def back(storage: str, folder: Path) -> dict[str, torch.Tensor]:
    save_tensors(compact(tensors(), storage), folder / storage)
    return restored(open_tensors(folder / storage))


def test_float32_is_exact_and_float16_is_rounded(tmp_path: Path) -> None:
    for name, tensor in tensors().items():
        assert torch.equal(back("float32", tmp_path)[name], tensor)
        assert torch.equal(back("float16", tmp_path)[name], tensor.half().float())


def test_int8_errs_by_half_a_step_of_each_row_at_most(tmp_path: Path) -> None:
    stored, opened = compact(tensors(), "int8"), back("int8", tmp_path)
    assert opened.keys() == tensors().keys() and all(t.dtype == torch.float32 for t in opened.values())
    for name in ("conv", "linear"):
        wanted = tensors()[name].flatten(1)
        steps = wanted.abs().amax(dim=1) / 127
        errors = (opened[name].flatten(1) - wanted).abs().amax(dim=1)
        assert bool((errors <= steps * 0.5001).all()) and bool((errors[steps > 0] > 0).all())
        assert stored[name].dtype == torch.int8 and stored[name + ".scale"].shape == wanted.shape[:1]
        assert bool(
            (stored[name].abs().amax(dim=tuple(range(1, stored[name].dim())))[steps > 0] == 127).all()
        )
    assert not opened["conv"][5].any()
    for name in ("norm", "small"):
        assert stored[name].dtype == torch.float16 and name + ".scale" not in stored


def test_the_storages_are_as_small_as_they_say(tmp_path: Path) -> None:
    sizes = {
        name: sum(t.nbytes for t in compact({"w": torch.randn(256, 512)}, name).values()) for name in STORAGES
    }
    assert sizes == {"float32": 524288, "float16": 262144, "int8": 131072 + 1024}


def test_unknown_storages_and_broken_files_are_refused() -> None:
    with pytest.raises(UnknownName, match="int8"):
        compact(tensors(), "int4")
    numbers = torch.ones(4, 4, dtype=torch.int8)
    broken = [
        {"w": numbers},
        {"w": numbers, "w.scale": torch.ones(3)},
        {"w": numbers[0, 0], "w.scale": torch.ones(4)},
        {"w.scale": torch.ones(4)},
    ]
    for made in broken:
        with pytest.raises(BadModelFile):
            restored(InMemory(Path("a"), made))
