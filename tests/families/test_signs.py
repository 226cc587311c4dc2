"""Which family a model is of, what says so, and what each family asks for."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from families.reduced import ALL, FAMILIES, saved, single, small
from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.families.conditions import Asked
from mezzotint.families.export import export_diffusers
from mezzotint.families.recognise import recognise
from mezzotint.families.registry import find
from mezzotint.families.signs import FILED, sign_of
from mezzotint.values.errors import BadModelFile
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import save_tensors


def test_every_family_has_a_sign_of_its_own() -> None:
    assert len({sign_of(family) for family in FILED}) == len(FILED) == len(ALL)


SAYS = {
    "sd1": "the projections in the UNet (convolutions)",
    "sd1-inpainting": "the projections in the UNet (convolutions), 5 channels beside the latent",
    "sd1-pix2pix": "the projections in the UNet (convolutions), 4 channels beside the latent",
    "sd2-depth": "OpenCLIP) or the projections in the UNet (Linear), 1 channel beside the latent",
    "sd2-unclip": "an embedding added to the time",
    "sdxl": "the two text encoders",
    "sdxl-inpainting": "the two text encoders, 5 channels beside the latent",
    "sdxl-refiner": "the one text encoder, with a pooled text added to the time",
    "sd3-medium": "without norms of its queries and keys",
    "sd3.5-medium": "with norms of its queries and keys, with a second attention",
    "sd3.5-large": "with norms of its queries and keys, without a second attention",
    "x4-upscaler": "3 channels beside the latent, a table of classes",
}


@pytest.mark.parametrize("name", ALL)
def test_a_file_is_told_by_its_names_and_shapes(name: str, tmp_path: Path) -> None:
    found = recognise(saved(name, tmp_path))
    assert (found.kind, found.family, found.problems) == ("a model", name, ())
    assert found.needs == ALL[name].needs
    assert SAYS.get(name, "") in found.decided_by["family"]


@pytest.mark.parametrize(
    "metadata", [{"modelspec.title": "SDXL Turbo"}, {"modelspec.architecture": "sdxl-turbo-v1"}]
)
def test_turbo_is_told_by_the_metadata(metadata: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(single("sdxl"), path, metadata)
    located = find(ModelUse(base=str(path)))
    assert located.family.name == "sdxl-turbo" and located.family.defaults.steps == 4
    (key,) = metadata
    assert located.decided_by["family"] == f"the file's metadata ({key})"
    save_tensors(single("sd1"), path, metadata)
    assert find(ModelUse(base=str(path))).family.name == "sd1"


def test_turbo_is_told_by_its_scheduler(tmp_path: Path) -> None:
    export_diffusers(small("sdxl"), tmp_path / "m")
    file = tmp_path / "m/scheduler/scheduler_config.json"
    config = json.loads(file.read_text()) | {"_class_name": "EulerAncestralDiscreteScheduler"}
    file.write_text(json.dumps(config))
    assert find(ModelUse(base=str(tmp_path / "m"))).family.name == "sdxl"
    file.write_text(json.dumps(config | {"timestep_spacing": "trailing"}))
    located = find(ModelUse(base=str(tmp_path / "m")))
    assert located.family.name == "sdxl-turbo"
    assert located.decided_by["family"] == "scheduler/scheduler_config.json"


def test_a_marker_makes_an_sdxl_predict_the_velocity(tmp_path: Path) -> None:
    assert find(ModelUse(base=str(saved("sdxl", tmp_path)))).prediction is FAMILIES["sdxl"].prediction
    marked = saved("sdxl", tmp_path, v_pred=torch.zeros(0))
    assert find(ModelUse(base=str(marked))).prediction is VELOCITY


def test_the_projection_of_big_g_may_be_stored_as_a_linear(tmp_path: Path) -> None:
    tensors = single("sdxl")
    prefix = "conditioner.embedders.1.model.text_projection"
    tensors[f"{prefix}.weight"] = tensors.pop(prefix).t().contiguous()
    save_tensors(tensors, tmp_path / "a.safetensors")
    from mezzotint.families.registry import open_model

    assert open_model(ModelUse(base=str(tmp_path / "a.safetensors"))).digest == small("sdxl").digest


def test_a_second_encoder_that_is_missing_is_said(tmp_path: Path) -> None:
    import shutil

    export_diffusers(small("sdxl"), tmp_path / "m")
    shutil.rmtree(tmp_path / "m/text_encoder_2")
    with pytest.raises(BadModelFile, match="none of the families"):
        find(ModelUse(base=str(tmp_path / "m")))
    shutil.rmtree(tmp_path / "m/text_encoder")
    with pytest.raises(BadModelFile, match="has no text_encoder/"):
        find(ModelUse(base=str(tmp_path / "m")))


def test_what_is_added_to_the_time_must_divide(tmp_path: Path) -> None:
    key = "model.diffusion_model.label_emb.0.0.weight"
    shape = single("sdxl")[key].shape
    path = saved("sdxl", tmp_path, **{key: torch.zeros(shape[0], shape[1] + 1)})
    with pytest.raises(BadModelFile, match="sizes no network can have"):
        find(ModelUse(base=str(path)))


def test_a_shift_of_the_latents_is_read(tmp_path: Path) -> None:
    family = FAMILIES["sd1"]
    from mezzotint.families import toy

    shifted = replace(family, latent=replace(family.latent, shift=0.25))
    export_diffusers(toy.make(shifted), tmp_path / "m")
    assert find(ModelUse(base=str(tmp_path / "m"))).family.latent.shift == 0.25


@torch.inference_mode()
def test_sdxl_is_told_the_size_and_zeroes_an_empty_negative() -> None:
    model, cpu = small("sdxl"), torch.device("cpu")
    text = model.conditioning(Asked("a boat", 640, 480), None, cpu)
    assert text.numbers is not None and text.numbers.tolist() == [[480, 640, 0, 0, 480, 640]]
    assert text.tokens.shape == (1, 77, 96) and text.pooled is not None and text.pooled.shape == (1, 48)
    nothing = model.conditioning(Asked("", 640, 480, negative=True), None, cpu)
    assert nothing.pooled is not None and not nothing.pooled.any() and not nothing.tokens.any()
    assert model.conditioning(Asked("", 640, 480), None, cpu).tokens.any()
    assert model.conditioning(Asked("x", 640, 480, negative=True), None, cpu).tokens.any()
