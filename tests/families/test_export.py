"""Writing diffusers folders: all or nothing."""

import os
from pathlib import Path

import pytest

from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.values.errors import BadValue, OutputFailed


def test_an_empty_folder_may_be_there_and_anything_else_may_not(tmp_path: Path) -> None:
    model = toy.make()
    (tmp_path / "empty").mkdir()
    export_diffusers(model, tmp_path / "empty")
    assert (tmp_path / "empty" / "model_index.json").is_file()
    before = sorted(tmp_path.rglob("*"))
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path / "empty", tmp_path / "file"):
        with pytest.raises(OutputFailed, match="exists already"):
            export_diffusers(model, taken)
    assert sorted(tmp_path.rglob("*")) == [*before, tmp_path / "file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("at", [1, 7, 9, 11])
def test_a_full_disk_leaves_nothing_behind(at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def full(file: int) -> None:
        calls.append(file)
        if len(calls) == at:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed, match="No space left"):
        export_diffusers(toy.make(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed):
        export_diffusers(toy.make(), tmp_path / "file" / "model")


def test_clip_skip_counts_layers_of_the_whole_encoder() -> None:
    family = toy.TOY.text
    assert family.skipped(None) == 0 and family.skipped(1) == 0 and family.skipped(2) == 1
    with pytest.raises(BadValue, match="no layer 3; use 1 to 2"):
        family.skipped(3)
