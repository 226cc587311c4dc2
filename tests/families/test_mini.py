"""The embedded model's files: packing, opening, and what is said when they are absent or broken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from families.reduced import texted, weights
from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.families import mini, registry, toy
from mezzotint.families.family import Defaults, Family
from mezzotint.families.recognise import recognise
from mezzotint.families.registry import FAMILIES, OPENERS, find, open_model
from mezzotint.families.schedules import Betas
from mezzotint.families.shelf import shelved
from mezzotint.text.vocabulary import SMALLEST, Vocabulary, train
from mezzotint.values import names
from mezzotint.values.errors import BadModelFile, ModelNotFound, OutputFailed, UnknownName, WeightsMismatch
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import open_tensors, save_tensors


def words() -> Vocabulary:
    return train(["a red apple", "a green apple", "a red house"], SMALLEST + 12)


def trained() -> Family:
    return replace(
        texted(toy.TOY, vocab=len(words().vocab), length=16, vocabulary=words, pad=len(words().vocab) - 1),
        title="Mini, for a test",
        prediction=VELOCITY,
        schedule=Betas(0.001, 0.02, 500),
        defaults=Defaults(96, 96, 7, 2.5, "ddim", "trailing", 2),
    )


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data" / "mini"
    mini.pack_mini(toy.make(trained()), folder, "float16")
    monkeypatch.setattr(mini, "data_folder", lambda: folder)
    return folder


def test_any_folder_that_training_made_is_a_model(packed: Path, tmp_path: Path) -> None:
    located = find(ModelUse(base=str(packed)))
    assert (located.path, located.kind) == (packed, registry.TRAINED)
    assert open_model(located).digest == open_model(ModelUse()).digest
    seen = recognise(packed)
    assert (seen.kind, seen.family, seen.layout, seen.prediction) == (
        "a model",
        "mini",
        "trained folder",
        "velocity",
    )
    assert seen.precision == "float16" and seen.parameters == sum(
        t.numel() for t in weights(open_model(located)).values()
    )
    assert [found.name for found in shelved(tmp_path)] == ["data/mini"]
    (packed / "mini.safetensors").unlink()
    with pytest.raises(ModelNotFound):
        recognise(packed)


def test_packing_and_opening_give_the_model_back(packed: Path) -> None:
    located = find(ModelUse())
    assert located.path is None and located.kind == registry.BUILT_IN and located.family.defaults.steps == 7
    model, wanted = open_model(located), toy.make(trained())
    assert sorted(p.name for p in packed.iterdir()) == sorted(
        ["mini.safetensors", "geometry.json", "vocab.json", "merges.txt"]
    )
    for part in ("title", "unet", "autoencoder", "schedule", "latent", "defaults", "prediction"):
        assert getattr(model.family, part) == getattr(trained(), part), part
    for part in ("name", "geometry", "pad", "skip"):
        assert getattr(model.family.text, part) == getattr(trained().text, part), part
    assert model.family.name == "mini" and model.prediction is VELOCITY
    assert model.text.tokenizer.padded("a red apple") == wanted.text.tokenizer.padded("a red apple")
    opened = weights(model)
    for name, tensor in weights(wanted).items():
        assert torch.equal(opened[name], tensor.half().float()), name
    assert open_model(ModelUse(prediction="noise")).prediction.name == "noise"


def test_eight_bits_are_smaller_and_near(packed: Path) -> None:
    half = (packed / mini.WEIGHTS).stat().st_size
    mini.pack_mini(toy.make(trained()), packed, "int8")
    assert (packed / mini.WEIGHTS).stat().st_size < 0.7 * half
    assert open_tensors(packed / mini.WEIGHTS).metadata == {"storage": "int8"}
    near = open_model(ModelUse()).unet.conv_out.weight
    exact = toy.make(trained()).unet.conv_out.weight
    assert 0 < (near - exact).abs().max() < exact.abs().max() / 100


def test_the_model_can_be_packed_again_from_its_own_files(packed: Path, tmp_path: Path) -> None:
    model = open_model(ModelUse())
    mini.pack_mini(model, tmp_path / "again", "float16")
    for file in packed.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes()


def test_without_data_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mini, "data_folder", lambda: tmp_path)
    for use in (find, open_model):
        with pytest.raises(ModelNotFound, match=r"no model 'mini'.*toy"):
            use(ModelUse())


def test_the_data_lie_beside_the_package() -> None:
    assert mini.data_folder().parts[-3:] == ("families", "data", "mini")


def changed(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize(
    "entries",
    [{"prediction": "guess"}, {"skip": "all"}, {"unet": {}}, {"latent": None}, {"unet": {"channels": [7]}}],
)
def test_a_description_that_describes_nothing_is_an_error(packed: Path, entries: dict[str, object]) -> None:
    path = packed / mini.GEOMETRY
    if entries.get("unet") == {"channels": [7]}:
        entries = {"unet": json.loads(path.read_text())["unet"] | {"channels": [7]}}
    changed(path, **entries)
    with pytest.raises(BadModelFile, match=r"geometry\.json"):
        find(ModelUse())


@pytest.mark.parametrize(
    "betas",
    [
        {"first": -1.0},
        {"last": 1.5},
        {"first": float("nan")},
        {"last": float("inf")},
        {"count": -3},
        {"count": 1},
        {"count": 10**15},
        {"floor": 0.0},
        {"floor": 0.9},
    ],
)
def test_betas_that_lead_nowhere_are_an_error(packed: Path, betas: dict[str, object]) -> None:
    path = packed / mini.GEOMETRY
    good = json.loads(path.read_text())["betas"]
    changed(path, betas=good | betas)
    for use in (ModelUse(), ModelUse(base=str(packed))):
        with pytest.raises(BadModelFile, match=r"geometry\.json: betas: "):
            find(use)
    changed(path, betas=good | {"first": 0.001, "count": 500, "floor": 1e-8})
    assert find(ModelUse()).family.path.times == 500


def test_weights_that_do_not_fit_the_description_are_errors(packed: Path) -> None:
    source = open_tensors(packed / mini.WEIGHTS)
    kept = {n: source.tensor(n).clone() for n in source if n != "unet.conv_in.bias"}
    save_tensors(kept, packed / mini.WEIGHTS)
    with pytest.raises(WeightsMismatch, match=r"1 missing \(unet\.conv_in\.bias\)"):
        open_model(ModelUse())
    (packed / mini.WEIGHTS).unlink()
    with pytest.raises(ModelNotFound):
        open_model(ModelUse())


def test_packing_fails_cleanly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed):
        mini.pack_mini(toy.make(), tmp_path / "file" / "mini", "int8")
    with pytest.raises(UnknownName):
        mini.pack_mini(toy.make(), tmp_path / "mini", "int3")


def test_the_names_of_the_families_are_those_of_the_registry() -> None:
    assert tuple(FAMILIES) == names.FAMILIES and set(OPENERS) < set(FAMILIES)
    assert [FAMILIES[name]().name for name in ("toy", "sd1", "sd2")] == ["toy", "sd1", "sd2"]
