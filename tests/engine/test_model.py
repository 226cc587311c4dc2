"""Opened models: kept, opened again when their file changed, safe when opening fails."""

import os

import pytest
import torch

from engine.recipes import draw, recipe
from families.reduced import saved
from mezzotint.engine import model as module
from mezzotint.engine.engine import Engine
from mezzotint.engine.model import Models, identity
from mezzotint.engine.placement import place
from mezzotint.families.registry import find, open_model
from mezzotint.values.errors import BadModelFile, ModelNotFound
from mezzotint.values.recipe import ModelUse

TOY = ModelUse(base="toy")


@pytest.fixture
def opened(monkeypatch):
    """How often a model was opened."""
    calls = []

    def counting(located, types):
        calls.append(located.family.name)
        return open_model(located, types)

    monkeypatch.setattr(module, "open_model", counting)
    return calls


def test_a_model_is_opened_once(opened):
    models = Models(place("cpu", 1))
    assert models.get(TOY, "float32") is models.get(TOY, "float32")
    assert opened == ["toy"]


def test_another_precision_or_prediction_is_another_model(opened):
    models = Models(place("cpu", 1), keep=3)
    uses = [(TOY, "float32"), (TOY, "bfloat16"), (ModelUse(base="toy", prediction="velocity"), "float32")]
    assert len({id(models.get(*use)) for use in uses}) == 3
    assert models.get(*uses[0]) is models.get(*uses[0])
    assert len(opened) == 3


def test_the_least_lately_used_model_is_closed(opened):
    models = Models(place("cpu", 1), keep=1)
    models.get(TOY, "float32")
    models.get(TOY, "bfloat16")
    models.get(TOY, "float32")
    assert len(opened) == 3


def test_a_failed_opening_leaves_the_model_in_use(opened):
    engine = Engine("cpu", 1)
    before = draw(engine, recipe()).image.tobytes()
    with pytest.raises(ModelNotFound):
        draw(engine, recipe().model_copy(update={"passes": (_with("no/such/model"),)}))
    wrong = _with("toy", sha256="0" * 64)
    with pytest.raises(BadModelFile, match="digest"):
        draw(engine, recipe().model_copy(update={"passes": (wrong,)}))
    assert draw(engine, recipe()).image.tobytes() == before
    assert opened == ["toy", "toy"]


def _with(base, **more):
    return recipe().passes[0].model_copy(update={"model": ModelUse(base=base, **more)})


def test_the_digest_that_is_asked_for_is_verified(opened):
    models = Models(place("cpu", 1))
    digest = models.get(TOY, "float32").model.digest
    assert models.get(ModelUse(base="toy", sha256=digest), "float32").model.digest == digest


def test_an_exchanged_file_has_another_identity(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"one")
    first, folder = identity(path), identity(tmp_path)
    assert first == identity(path)
    other = tmp_path / "other"
    other.write_bytes(b"two")
    os.replace(other, path)
    assert identity(path) != first
    assert identity(tmp_path) != folder


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_file_opens_in_its_precision_with_the_bits_of_a_cast(precision, tmp_path):
    path = saved("sd1", tmp_path)
    opened = Models(place("cpu", 1)).get(ModelUse(base=str(path)), precision)
    cast = open_model(ModelUse(base=str(path)))
    wanted = cast.denoiser.to(opened.dtype).state_dict()
    found = opened.model.denoiser.state_dict()
    assert all(found[n].dtype == opened.dtype and torch.equal(found[n], t) for n, t in wanted.items())
    decoded = torch.float32 if precision == "float16" else torch.bfloat16
    assert {t.dtype for t in opened.model.autoencoder.state_dict().values()} == {decoded}
    assert {t.dtype for t in opened.model.texts[0].network.state_dict().values()} == {torch.float32}


def test_a_file_that_is_open_is_not_looked_into_again(tmp_path, monkeypatch):
    path, models = saved("sd1", tmp_path), Models(place("cpu", 1))
    opened = models.get(ModelUse(base=str(path)), "float32")
    finds = []
    monkeypatch.setattr(module, "find", lambda use: finds.append(use) or find(use))
    assert models.get(ModelUse(base=str(path)), "float32") is opened and not finds
    os.utime(path, ns=(1, 1))
    assert models.get(ModelUse(base=str(path)), "float32") is not opened and len(finds) == 1


def test_nothing_is_hashed_while_a_model_is_opened(tmp_path, monkeypatch):
    def hashing(tensors):
        raise AssertionError("hashed")

    monkeypatch.setattr("mezzotint.weights.hashes.SETTLED", 2**62)  # a slow machine makes files old
    path = saved("sd1", tmp_path)
    right = open_model(ModelUse(base=str(path))).digest
    monkeypatch.setattr("mezzotint.weights.digest.digest", hashing)
    models = Models(place("cpu", 1))
    model = models.get(ModelUse(base=str(path)), "float32").model
    with pytest.raises(AssertionError, match="hashed"):
        models.get(ModelUse(base=str(path), sha256=right), "float32")
    os.utime(path, ns=(1, 1))
    assert model.digest is None, "the file was written to, so its hash says nothing of what was opened"


def test_a_second_process_need_not_hash_a_model_again(tmp_path, monkeypatch):
    monkeypatch.setattr("mezzotint.weights.hashes.SETTLED", -(2**62))
    path = saved("sd1", tmp_path)
    known = open_model(ModelUse(base=str(path))).digest
    monkeypatch.setattr("mezzotint.weights.digest.digest", None)
    assert open_model(ModelUse(base=str(path))).digest == known


def test_a_file_that_is_exchanged_after_it_was_found_changes_nothing(tmp_path):
    path, other = saved("sd1", tmp_path), saved("sd2", tmp_path)
    located, wanted = find(ModelUse(base=str(path))), open_model(ModelUse(base=str(path)))
    os.replace(other, path)
    model = open_model(located)
    assert model.digest == wanted.digest and model.family.name == "sd1"
    assert torch.equal(model.denoiser.conv_out.weight, wanted.denoiser.conv_out.weight)
