"""Models found by name in the model folders."""

from pathlib import Path

import pytest

from families.reduced import saved
from mezzotint.families.registry import find
from mezzotint.families.shelf import folders, on_shelf, shelved
from mezzotint.values.errors import Ambiguous, ModelNotFound
from mezzotint.values.recipe import ModelUse


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    for name in ("a.safetensors", "sub/b.CKPT", "sub/a.safetensors", ".hidden/c.safetensors", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    for name in ("owner/model/model_index.json", "owner/model/unet/x.safetensors"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return tmp_path


def test_everything_is_listed_once_by_its_path_without_ending(shelf: Path) -> None:
    assert [found.name for found in shelved(shelf)] == ["a", "owner/model", "sub/a", "sub/b"]
    assert list(shelved(shelf / "none")) == []


def test_folders_come_from_the_environment() -> None:
    assert folders({"MEZZOTINT_MODELS": "/one:/two"}) == (Path("/one"), Path("/two"))
    assert folders({"XDG_DATA_HOME": "/data"}) == (Path("/data/mezzotint/models"),)
    assert folders({}) == (Path.home() / ".local/share/mezzotint/models",)


def test_names_are_paths_endings_or_last_parts(shelf: Path) -> None:
    places = (shelf / "none", shelf)
    assert on_shelf("a", places) == shelf / "a.safetensors"
    assert on_shelf("a.safetensors", places) == shelf / "a.safetensors"
    assert on_shelf("sub/a", places) == shelf / "sub/a.safetensors"
    assert on_shelf("b", places) == on_shelf("b.CKPT", places) == shelf / "sub/b.CKPT"
    assert on_shelf("owner/model", places) == on_shelf("model", places) == shelf / "owner/model"
    assert on_shelf("c", places) is None and on_shelf("notes", places) is None


def test_a_name_of_two_is_a_question(shelf: Path) -> None:
    (shelf / "other").mkdir()
    (shelf / "other" / "b.safetensors").write_bytes(b"x")
    with pytest.raises(Ambiguous, match=r"b: is the name of 2 models: .*; give the path"):
        on_shelf("b", (shelf,))


def test_a_recipe_finds_its_model_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved("sd1", tmp_path)
    monkeypatch.setenv("MEZZOTINT_MODELS", str(tmp_path))
    located = find(ModelUse(base=path.stem))
    assert located.path == path and located.family.name == "sd1"
    with pytest.raises(ModelNotFound, match="`mezzotint download some/model` fetches it"):
        find(ModelUse(base="some/model"))
