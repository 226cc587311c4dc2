"""What `inspect` says of pictures and models of every kind."""

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from engine.recipes import Engine, draw, recipe
from mezzotint.engine.telling.catalogue import catalogue
from mezzotint.engine.telling.doctor import doctor
from mezzotint.engine.telling.inspect import inspect
from mezzotint.store.convert import convert
from mezzotint.values.errors import BadModelFile, ModelNotFound


def told(path):
    return {section.title: dict(section.rows) for section in inspect(path).sections}


def test_an_own_picture_shows_recipe_and_facts(tmp_path):
    draw(Engine("cpu", 1), recipe("a red apple", seed=77)).save(tmp_path / "a.png")
    shown = told(tmp_path / "a.png")
    assert shown["Recipe"]["prompt"] == "a red apple"
    assert shown["Recipe"]["seed"] == "77"
    assert "eta" not in shown["Recipe"]
    assert shown["Drawn with"]["torch version"] == torch.__version__
    assert "seconds" not in shown["Drawn with"]


def test_a_picture_of_a_web_ui_shows_its_settings(tmp_path):
    text = PngInfo()
    text.add_text(
        "parameters", "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5"
    )
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=text)
    shown = told(tmp_path / "a.png")["Settings of a web UI"]
    assert (shown["prompt"], shown["negative"], shown["Sampler"]) == ("a cat", "dog", "Euler a")


def test_a_plain_picture_is_said_to_be_plain(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.bin", "PNG")
    shown = told(tmp_path / "picture.bin")
    assert shown[str(tmp_path / "picture.bin")] == {"kind": "a picture", "holds": "no settings"}


def test_a_model_folder_shows_what_decided(tmp_path):
    convert("toy", tmp_path / "m")
    shown = told(tmp_path / "m")
    about = shown[str(tmp_path / "m")]
    assert about["layout"] == "diffusers folder"
    assert about["prediction"] == "noise"
    assert about["stored as"] == "float32"
    assert "," in about["parameters"]
    assert "scheduler" in shown["Decided by"]["prediction"]


def test_weights_that_cannot_draw_say_why(tmp_path):
    save_file({"some.weight": torch.zeros(3, 4)}, tmp_path / "a.safetensors")
    shown = told(tmp_path / "a.safetensors")
    assert shown[str(tmp_path / "a.safetensors")]["parameters"] == "12"
    assert "not a model to draw with" in shown["Cannot draw"]["because"]


def test_what_cannot_be_read_is_raised(tmp_path):
    with pytest.raises(ModelNotFound):
        inspect(tmp_path / "none")
    (tmp_path / "x.safetensors").write_bytes(b"")
    with pytest.raises(BadModelFile):
        inspect(tmp_path / "x.safetensors")


def test_the_catalogue_names_every_family():
    titles = [section.title for section in catalogue().sections]
    assert [title.split(":")[0] for title in titles[:3]] == ["mini", "mini-inpainting", "toy"]
    assert {"sd1", "sd2"} <= {title.split(":")[0] for title in titles}


def test_the_doctor_knows_versions_and_what_would_be_used():
    report = {section.title: dict(section.rows) for section in doctor().sections}
    assert report["Versions"]["torch"] == torch.__version__
    assert int(report["A picture would be drawn with"]["threads"]) >= 1
    assert set(report["Optional parts"]) == {"train", "dev"}


def test_the_doctor_misses_what_is_not_there(monkeypatch):
    from mezzotint.engine.telling import doctor as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    monkeypatch.setattr(module, "_CORE", ("no-such-package",))
    report = {section.title: dict(section.rows) for section in doctor().sections}
    assert "pip install 'mezzotint[train]'" in report["Optional parts"]["train"]
    assert report["Versions"]["no-such-package"] == "not installed"
