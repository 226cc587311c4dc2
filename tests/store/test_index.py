"""The list of models: what is said of each file, and that an unchanged one is not opened again."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cli.commands import here
from families.reduced import saved
from mezzotint.store import index
from mezzotint.store.index import NAME, entries
from mezzotint.store.listing import described, listing
from mezzotint.values.errors import ModelNotFound
from mezzotint.values.files import cache_folder


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    saved("sd1", folder).rename(folder / "one.safetensors")
    (folder / "two.safetensors").write_bytes(b"no model")
    save_file({"lora_unet_x.lora_up.weight": torch.zeros(2, 2)}, folder / "three.safetensors")
    return folder


def test_each_file_is_described(shelf: Path, tmp_path: Path) -> None:
    found = {entry.name: described(entry) for entry in entries(shelf, tmp_path / "cache")}
    assert list(found) == ["one", "three", "two"]
    assert found["one"].startswith("a model, sd1, single file, float32, ")
    assert found["three"].startswith("a LoRA, float32, 0.0 MB") and "cannot" not in found["three"]
    assert found["two"].startswith("unreadable, 0.0 MB; cannot draw: ") and str(shelf) not in found["two"]


def test_only_what_changed_is_looked_at_again(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = list(entries(shelf, tmp_path))
    looked: list[Path] = []
    real = index.recognise

    def watched(path: Path):
        looked.append(path)
        return real(path)

    monkeypatch.setattr(index, "recognise", watched)
    assert list(entries(shelf, tmp_path)) == first and looked == []
    os.utime(shelf / "one.safetensors", ns=(1, 1))
    (shelf / "two.safetensors").unlink()
    assert [entry.name for entry in entries(shelf, tmp_path)] == ["one", "three"]
    assert looked == [shelf / "one.safetensors"]
    assert str(shelf / "two.safetensors") not in json.loads((tmp_path / NAME).read_text())


@pytest.mark.parametrize("text", ["", "[]", '{"x": 1}', "\0"])
def test_a_damaged_memory_is_made_anew(shelf: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert len(list(entries(shelf, tmp_path))) == 3
    assert len(json.loads((tmp_path / NAME).read_text())) == 3


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert len(list(entries(shelf, tmp_path / "file"))) == 3


def test_a_file_that_goes_away_meanwhile_is_left_out(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = index.shelved

    def vanishing(folder: Path):
        found = list(real(folder))
        (shelf / "two.safetensors").unlink()
        return found

    monkeypatch.setattr(index, "shelved", vanishing)
    assert [entry.name for entry in entries(shelf, tmp_path)] == ["one", "three"]


def test_the_cache_is_the_users_own() -> None:
    assert cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/mezzotint")
    assert cache_folder({}) == Path.home() / ".cache/mezzotint"


def test_the_command_lists_kinds_and_folders(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("MEZZOTINT_MODELS", f"{shelf}{os.pathsep}{tmp_path / 'none'}")
    done = here(capsys, "models")
    assert "a model, sd1" in done.out and "--model mini" in done.out and "name other folders" in done.out
    one = here(capsys, "models", str(shelf))
    assert "a model, sd1" in one.out and "--model mini" not in one.out
    with pytest.raises(ModelNotFound):
        list(listing([tmp_path / "none"]))
    (tmp_path / "bare").mkdir()
    assert [section.rows for section in listing([tmp_path / "bare"])] == [(("empty", "no models"),)]
