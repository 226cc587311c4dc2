"""Folders of weights: variants, shards, indexes that lie."""

import json
import os
from pathlib import Path

import pytest
import torch

from mezzotint.values.errors import Ambiguous, BadModelFile, ModelNotFound, PickleRefused
from mezzotint.weights import folders
from mezzotint.weights.files import save_tensors
from mezzotint.weights.folders import open_folder, read_json


def put(path: Path, value: float, name: str = "a") -> None:
    save_tensors({name: torch.tensor([value])}, path)


def value(folder: Path, name: str = "a") -> float:
    return open_folder(folder).tensor(name).item()


def test_full_precision_wins_over_its_variants(tmp_path: Path) -> None:
    put(tmp_path / "model.fp16.safetensors", 16.0)
    assert value(tmp_path) == 16.0
    put(tmp_path / "model.safetensors", 32.0)
    put(tmp_path / "unrelated.safetensors", 0.0)
    assert value(tmp_path) == 32.0


def test_a_lone_file_of_any_name_is_taken_and_two_are_a_question(tmp_path: Path) -> None:
    put(tmp_path / "mine.safetensors", 1.0)
    assert value(tmp_path) == 1.0
    put(tmp_path / "yours.safetensors", 2.0)
    with pytest.raises(Ambiguous, match=r"mine\.safetensors"):
        open_folder(tmp_path)


def test_folders_without_weights(tmp_path: Path) -> None:
    for empty in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ModelNotFound):
            open_folder(empty)
    (tmp_path / "notes.bin").write_bytes(b"hello")
    with pytest.raises(ModelNotFound):
        open_folder(tmp_path)
    torch.save({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert torch.equal(open_folder(tmp_path).tensor("a"), torch.ones(2))
    torch.save({"a": torch.ones(2)}, tmp_path / "other.bin")
    with pytest.raises(ModelNotFound, match="no single file"):
        open_folder(tmp_path)
    (tmp_path / "other.bin").unlink()
    torch.save({"a": os.system}, tmp_path / "pytorch_model.bin")
    with pytest.raises(PickleRefused, match=r"system"):
        open_folder(tmp_path)


def shards(folder: Path, weight_map: object, index: str = "model.safetensors.index.json") -> None:
    put(folder / "model-1.safetensors", 1.0, "a")
    put(folder / "model-2.safetensors", 2.0, "b")
    (folder / index).write_text(json.dumps({"weight_map": weight_map}))


@pytest.mark.parametrize(
    "index",
    [
        "model.safetensors.index.json",
        "diffusion_pytorch_model.safetensors.fp16.index.json",
        "diffusion_pytorch_model.fp16.safetensors.index.json",
        "diffusion_pytorch_model.safetensors.index.fp16.json",
    ],
)
def test_shards_look_like_one_file(index: str, tmp_path: Path) -> None:
    shards(tmp_path, {"a": "model-1.safetensors", "b": "model-2.safetensors"}, index)
    assert (
        value(tmp_path, "a") == 1.0
        and value(tmp_path, "b") == 2.0
        and set(open_folder(tmp_path)) == {"a", "b"}
    )


@pytest.mark.parametrize("index", folders.BIN_INDEXES)
def test_shards_that_are_pickles(index: str, tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        torch.save({name: torch.tensor([float(number)])}, tmp_path / f"part-{number}.bin")
    places = {"a": "part-0.bin", "b": "part-1.bin"}
    (tmp_path / index).write_text(json.dumps({"weight_map": places}))
    assert (value(tmp_path, "a"), value(tmp_path, "b")) == (0.0, 1.0)
    torch.save({"b": os.system}, tmp_path / "part-1.bin")
    with pytest.raises(PickleRefused, match="system"):
        open_folder(tmp_path)
    (tmp_path / index).write_text(json.dumps({"weight_map": {"a": "../part-0.bin"}}))
    with pytest.raises(BadModelFile, match="outside its folder"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "weight_map",
    [
        {},
        [],
        None,
        {"a": "../model-1.safetensors"},
        {"a": "/model-1.safetensors"},
        {"a": "..\\model-1.safetensors"},
        {"a": "model-1.safetensors\0"},
        {"a": "model-1.bin"},
        {"a": 7},
        {"c": "model-1.safetensors"},
        {str(n): f"{n}.safetensors" for n in range(1001)},
    ],
)
def test_bad_indexes(weight_map: object, tmp_path: Path) -> None:
    shards(tmp_path, weight_map)
    put(tmp_path.parent / "model-1.safetensors", 666.0)
    with pytest.raises(BadModelFile):
        open_folder(tmp_path)


def test_missing_and_empty_shards(tmp_path: Path) -> None:
    shards(tmp_path, {"a": "model-1.safetensors", "b": "model-2.safetensors"})
    (tmp_path / "model-2.safetensors").write_bytes(b"")
    with pytest.raises(BadModelFile, match="is empty"):
        open_folder(tmp_path)
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(ModelNotFound):
        open_folder(tmp_path)


@pytest.mark.parametrize("text", ["[1]", "{", '{"a":' * 100_000, "\ud800"])
def test_bad_json(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BadModelFile):
        read_json(tmp_path / "a.json")


def test_json_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadModelFile, match="cannot be read"):
        read_json(tmp_path / "none.json")
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "a.json") == {"a": 1}
    monkeypatch.setattr(folders, "MAX_JSON", 4)
    with pytest.raises(BadModelFile, match="larger"):
        read_json(tmp_path / "a.json")
