"""Checkpoints: complete or absent, whatever fails while they are written."""

from pathlib import Path

import pytest
import torch

from mezzotint.train import checkpoint
from mezzotint.train.checkpoint import Checkpoint, latest, read, save, saved
from mezzotint.values.errors import BadModelFile, ModelNotFound, OutputFailed

FIRST = Checkpoint({"weights": {"a": torch.arange(5.0)}, "average": {"a": torch.ones(5)}}, {"step": 1})
SECOND = Checkpoint({"weights": {"a": torch.zeros(5)}, "average": {"a": torch.zeros(5)}}, {"step": 2})


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    found = read(save(tmp_path, 1, FIRST))
    assert found.state == {"step": 1}
    assert torch.equal(found.tensors["weights"]["a"], torch.arange(5.0))


@pytest.mark.parametrize("broken", ["store_tensors", "_sync", "rename", "write_text"])
@pytest.mark.parametrize("step", [1, 2])
def test_a_failure_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, step: int
) -> None:
    save(tmp_path, 1, FIRST)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    owner = Path if broken in ("rename", "write_text") else checkpoint
    monkeypatch.setattr(owner, broken, fail)
    with pytest.raises(OutputFailed):
        save(tmp_path, step, SECOND)
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]
    assert read(latest(tmp_path)).state == {"step": 1}


def test_a_half_written_folder_is_no_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, 1, FIRST)
    (tmp_path / "checkpoints" / "step-00000009").mkdir()
    assert [path.name for path in saved(tmp_path)] == ["step-00000001"]


def test_no_checkpoint_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        latest(tmp_path)


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    path = save(tmp_path, 1, FIRST)
    (path / "weights.safetensors").write_bytes(b"\0" * 4)
    with pytest.raises(BadModelFile):
        read(path)
