"""Opened models: kept, opened again when their file changed, safe when opening fails."""

import os

import pytest

from engine.recipes import draw, recipe
from mezzotint.engine import model as module
from mezzotint.engine.engine import Engine
from mezzotint.engine.model import Models, identity
from mezzotint.engine.placement import place
from mezzotint.families.registry import open_model
from mezzotint.values.errors import BadModelFile, ModelNotFound
from mezzotint.values.recipe import ModelUse

TOY = ModelUse(base="toy")


@pytest.fixture
def opened(monkeypatch):
    """How often a model was opened."""
    calls = []

    def counting(located):
        calls.append(located.family.name)
        return open_model(located)

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
    assert identity(None) == ()
