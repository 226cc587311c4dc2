"""Converted models: the same weights in another layout or number format, complete or not there."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cli.commands import error_of, here
from families.reduced import FAMILIES, LETTERS, saved, single, small, weights
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.registry import find, open_model
from mezzotint.families.statistics import said, unsaid
from mezzotint.families.tables import single_file_of
from mezzotint.store.named import Named, converted, named, write
from mezzotint.values.errors import BadModelFile, BadValue, OutputFailed, UnknownName
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import open_tensors, save_tensors
from mezzotint.weights.scaled import FORMATS


def opened(path: Path) -> dict[str, torch.Tensor]:
    return weights(open_model(ModelUse(base=str(path))))


@pytest.mark.parametrize("name", ["sd1", "sdxl"])
def test_there_and_back_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    path = saved(name, tmp_path)
    write(named(path), tmp_path / "folder")
    write(named(tmp_path / "folder"), tmp_path / "back.safetensors")
    before, after = open_tensors(path), open_tensors(tmp_path / "back.safetensors")
    carried = [n for n in before if not n.startswith("model_ema.") and n in after]
    assert set(carried) == set(after) and len(carried) > 100
    assert all(torch.equal(before.tensor(n), after.tensor(n)) for n in carried)


def test_a_single_file_loses_its_second_copy_and_the_training_schedule(tmp_path: Path) -> None:
    write(named(saved("sd1", tmp_path)), tmp_path / "small.safetensors")
    kept = set(open_tensors(tmp_path / "small.safetensors"))
    assert set(single("sd1")) - kept == {
        "betas", "logvar", "model_ema.decay", "low_scale_model.betas", "denoiser.sigmas",
        "cond_stage_model.transformer.text_model.embeddings.position_ids",
    }  # fmt: skip


def test_averaged_weights_can_take_the_place_of_the_plain_ones(tmp_path: Path) -> None:
    name = "model.diffusion_model.input_blocks.0.0.weight"
    average = torch.full_like(single("sd1")[name], 3.0)
    path = saved("sd1", tmp_path, **{"model_ema.diffusion_modelinput_blocks00weight": average})
    model = named(path, averaged=True)
    assert torch.equal(model.tensors["unet.conv_in.weight"], average)
    plain = named(path).tensors
    assert all(torch.equal(t, plain[n]) for n, t in model.tensors.items() if n != "unet.conv_in.weight")
    write(named(path), tmp_path / "folder")
    with pytest.raises(BadModelFile, match="no second copy, as it is no single file; leave --averaged out"):
        named(tmp_path / "folder", averaged=True)
    write(named(path), tmp_path / "pruned.safetensors")
    with pytest.raises(BadModelFile, match="holds no averaged weights"):
        named(tmp_path / "pruned.safetensors", averaged=True)


@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
@pytest.mark.parametrize("target", ["out.safetensors", "out"])
def test_half_precision_is_the_nearest_value(storage: str, target: str, tmp_path: Path) -> None:
    path = saved("sd1", tmp_path)
    write(named(path), tmp_path / target, storage)
    dtype = getattr(torch, storage)
    stored = named(tmp_path / target).tensors
    assert {t.dtype for t in stored.values()} == {dtype}
    assert all(torch.equal(t, weights(small("sd1"))[n].to(dtype)) for n, t in stored.items())


@pytest.mark.parametrize("storage", ["float8_e4m3", "float8_e5m2"])
def test_eight_bits_are_for_the_matrices_of_the_denoiser(storage: str) -> None:
    tensors = {"unet.a.weight": torch.randn(4, 4), "unet.a.bias": torch.randn(4), "text.b": torch.randn(4, 4)}
    stored = converted(tensors, storage)
    assert [t.dtype for t in stored.values()] == [FORMATS[storage], torch.float16, torch.float16]


def test_what_a_type_cannot_hold_is_refused() -> None:
    with pytest.raises(BadValue, match="format: x has values above 65504; use a wider format"):
        converted({"x": torch.tensor([1e6])}, "float16")
    assert converted({"x": torch.tensor([7])}, "float16")["x"].dtype == torch.int64
    with pytest.raises(UnknownName, match="unknown format 'float15'; did you mean float16"):
        converted({}, "float15")


def test_velocity_that_nothing_in_the_file_tells_gets_its_marker(tmp_path: Path) -> None:
    path = saved("sd2", tmp_path)
    write(named(path, "velocity"), tmp_path / "v.safetensors")
    located = find(ModelUse(base=str(tmp_path / "v.safetensors")))
    assert located.prediction is not None and located.prediction.name == "velocity"
    write(named(path, "noise"), tmp_path / "eps.safetensors")
    assert "v_pred" not in open_tensors(tmp_path / "eps.safetensors")


def test_a_folder_without_the_unread_layer_computes_the_same_as_a_file(tmp_path: Path) -> None:
    write(named(saved("sd2", tmp_path), "velocity"), tmp_path / "folder")
    write(named(tmp_path / "folder"), tmp_path / "file.safetensors")
    places = ("sd2.safetensors", "folder", "file.safetensors")
    models = [open_model(ModelUse(base=str(tmp_path / place), prediction="velocity")) for place in places]
    assert [(m.text.part.geometry.layers, m.text.part.skip) for m in models] == [(3, 1), (2, 0), (3, 1)]
    read = [m.text.read("a red apple")[0] for m in models]
    states = [m.text.states(r, None, torch.device("cpu")).tokens for m, r in zip(models, read, strict=True)]
    assert all(torch.equal(states[0], other) for other in states)
    assert any(
        name.startswith("cond_stage_model.model.") for name in open_tensors(tmp_path / "file.safetensors")
    )


def test_nothing_is_replaced(tmp_path: Path) -> None:
    path = saved("sd1", tmp_path)
    with pytest.raises(OutputFailed, match="it exists already"):
        write(named(path), path)
    assert opened(path).keys() == weights(small("sd1")).keys()


def test_a_vocabulary_of_its_own_needs_a_folder(tmp_path: Path) -> None:
    export_diffusers(toy.make(LETTERS), tmp_path / "letters")
    with pytest.raises(OutputFailed, match="cannot hold this model's own vocabulary; write a folder instead"):
        write(named(tmp_path / "letters"), tmp_path / "a.safetensors")
    write(named(tmp_path / "letters"), tmp_path / "again", "float16")
    assert named(tmp_path / "again").family.text.vocabulary() == LETTERS.text.vocabulary()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "letters"]


def test_the_command_converts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, target = saved("sd1", tmp_path), tmp_path / "half.safetensors"
    done = here(capsys, "convert", str(path), str(target), "--storage", "float16")
    assert done.code == 0 and done.out.startswith(f"{target}  Stable Diffusion 1, ")
    assert target.stat().st_size < path.stat().st_size * 0.55
    again = here(capsys, "convert", str(path), str(target))
    assert again.code == 1 and "it exists already" in error_of(again)
    assert here(capsys, "convert", str(path), str(tmp_path / "x"), "--storage", "f").code == 2


def test_metadata_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(single("sd1"), path, {"modelspec.title": "Mine"})
    write(named(path), tmp_path / "b.safetensors")
    assert open_tensors(tmp_path / "b.safetensors").metadata["modelspec.title"] == "Mine"


PICTURED = ("sd2-depth", "sd2-unclip")
UNREAD = ("cond_stage_model.model.transformer.resblocks.2.", "cond_stage_model.model.text_projection")


@pytest.mark.parametrize("name", PICTURED)
def test_models_that_draw_from_a_picture_go_to_a_folder_and_back(name: str, tmp_path: Path) -> None:
    path = saved(name, tmp_path)
    write(named(path), tmp_path / "folder")
    write(named(tmp_path / "folder"), tmp_path / "back.safetensors")
    before, after = open_tensors(path), open_tensors(tmp_path / "back.safetensors")
    table = single_file_of(named(path).family)
    carried = {n for n in table.match(before).taken if not n.startswith(UNREAD)}
    assert carried == {n for n in after if not n.startswith(UNREAD)} and len(carried) > 100
    assert all(torch.equal(before.tensor(n), after.tensor(n)) for n in carried)


HALF = {
    "embedder.model.logit_scale": torch.tensor(4.6),
    "embedder.model.text_projection": torch.randn(8, 8),
    "embedder.model.transformer.resblocks.0.ln_1.weight": torch.randn(8),
}


def test_the_text_half_of_an_image_encoder_stays_in_a_single_file(tmp_path: Path) -> None:
    path = saved("sd2-unclip", tmp_path, **HALF)
    write(named(path), tmp_path / "again.safetensors")
    write(named(path), tmp_path / "half.safetensors", "float16")
    again, half = open_tensors(tmp_path / "again.safetensors"), open_tensors(tmp_path / "half.safetensors")
    assert all(torch.equal(again.tensor(n), t) for n, t in HALF.items())
    assert all(torch.equal(half.tensor(n), t.half()) for n, t in HALF.items())


def test_statistics_of_picture_vectors_are_kept_and_never_made_up(tmp_path: Path) -> None:
    path = saved("sd2-unclip", tmp_path)
    model = named(path)
    made_up = unsaid(model.family, model.tensors, path)
    assert not made_up["augmentor.mean"].any() and bool((made_up["augmentor.std"] == 1).all())
    assert said(model.family, {**model.tensors, **made_up}).keys() == model.tensors.keys()
    own = {"augmentor.mean": torch.randn(1, 24), "augmentor.std": torch.rand(1, 24) + 1}
    write(Named(model.located, {**model.tensors, **own}), tmp_path / "own.safetensors")
    back = named(tmp_path / "own.safetensors")
    assert all(torch.equal(back.tensors[name], tensor) for name, tensor in own.items())
    assert unsaid(back.family, back.tensors, path) == {}
    image = replace(FAMILIES["sd2-unclip"].pictures["image"], activation="quick_gelu")
    openai = replace(model.family, pictures={"image": image})
    assert said(openai, made_up) == made_up
    with pytest.raises(OutputFailed, match="does not hold the statistics of its picture vectors"):
        unsaid(openai, model.tensors, path)
