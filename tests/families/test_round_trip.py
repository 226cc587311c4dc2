"""Real tensors at reduced widths: load, export and load again, equal to the last byte, in both layouts."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from families.reduced import ALL, FAMILIES, saved, single, small, weights
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Model
from mezzotint.families.layouts import folder as folder_layout
from mezzotint.families.registry import open_model
from mezzotint.families.tables import single_file_of
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import InMemory, open_tensors, save_tensors
from mezzotint.weights.folders import open_folder


def opened(path: Path, prediction: str | None = "noise") -> Model:
    return open_model(ModelUse(base=str(path), prediction=prediction))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[n].dtype == b[n].dtype and torch.equal(a[n], b[n]) for n in a)


@pytest.mark.parametrize("name", ALL)
def test_a_single_file_comes_back_to_the_last_byte(name: str, tmp_path: Path) -> None:
    model = opened(saved(name, tmp_path), "noise" if name in FAMILIES else None)
    assert same(weights(model), weights(small(name))) and model.digest == small(name).digest
    for part in ("name", "denoiser", "autoencoder", "texts", "latent", "needs", "pictures"):
        assert getattr(model.family, part) == getattr(ALL[name], part), part
    table = single_file_of(model.family)
    back = table.export(InMemory(tmp_path, weights(model)))
    file = single(name)
    assert same(back, {key: file[key] for key in table.match(file).taken})
    assert not model.denoiser.training and model.text.tokenizer.vocab_size == 49408


@pytest.mark.parametrize("name", FAMILIES)
def test_a_folder_comes_back_to_the_last_byte(name: str, tmp_path: Path) -> None:
    model = small(name)
    export_diffusers(model, tmp_path / "model")
    again = opened(tmp_path / "model", None)
    assert (again.family.name, again.prediction) == (name, model.prediction)
    assert again.family.unet == model.family.unet
    assert again.family.autoencoder == model.family.autoencoder and again.family.latent == model.family.latent
    carried = {n: t for n, t in weights(again).items() if not n.startswith("augmentor.")}
    assert same(carried, {n: t for n, t in weights(model).items() if n in carried})
    lost = weights(model).keys() - weights(again).keys()
    assert all(n.startswith(("text.blocks.2.", "text.projection.")) for n in lost)
    assert {n: again.family.pictures[n] for n in model.pictures} == model.family.pictures
    assert len(lost) == (17 if model.family.text.name == "text" and model.family.text.skip else 0)
    export_diffusers(again, tmp_path / "again")
    files = [p.relative_to(tmp_path / "model") for p in (tmp_path / "model").rglob("*") if p.is_file()]
    looking = {"sd2-depth": 3, "sd2-unclip": 6, "x4-upscaler": 1}.get(name, 0)
    assert len(files) == 12 + 6 * (len(again.family.texts) - 1) + looking
    for file in files:
        assert (tmp_path / "model" / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_a_folder_of_sd2_computes_what_the_single_file_does(tmp_path: Path) -> None:
    model = small("sd2")
    export_diffusers(model, tmp_path / "model")
    again = opened(tmp_path / "model", None)
    ids = torch.tensor([model.text.tokenizer.padded("a small red boat")[0]])
    assert model.text.tokenizer.padded("a boat") == again.text.tokenizer.padded("a boat")
    eos = model.text.tokenizer.eos
    with torch.inference_mode():
        ours = model.text.network(ids, eos=eos, skip=model.family.text.skipped(None)).tokens
        folder = again.text.network(ids, eos=eos, skip=again.family.text.skipped(None)).tokens
        other = model.text.network(ids, eos=eos, skip=model.family.text.skipped(3)).tokens
        assert torch.equal(other, again.text.network(ids, eos=eos, skip=again.family.text.skipped(3)).tokens)
    assert torch.equal(ours, folder) and not torch.equal(ours, other)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_opened_to_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    stored = {n: t.to(dtype) if t.is_floating_point() else t for n, t in single("sd2").items()}
    save_tensors(stored, path)
    model = opened(path)
    wanted = {n: t.to(dtype).float() for n, t in weights(small("sd2")).items()}
    assert same(weights(model), wanted)


def test_eight_bit_floats_are_opened_to_float32(tmp_path: Path) -> None:
    key = "model.diffusion_model.out.2.weight"
    path = saved("sd1", tmp_path, **{key: single("sd1")[key].to(torch.float8_e4m3fn)})
    assert torch.equal(opened(path).unet.conv_out.weight, single("sd1")[key].to(torch.float8_e4m3fn).float())


def test_variants_and_shards_of_a_folder_are_read(tmp_path: Path) -> None:
    model = small("sd1")
    export_diffusers(model, tmp_path / "m")
    unet = tmp_path / "m" / "unet"
    whole = open_folder(unet)
    names = sorted(whole)
    shards = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, keys in shards.items():
        save_tensors({key: whole.tensor(key) for key in keys}, unet / file)
    listed = ", ".join(f'"{key}": "{file}"' for file, keys in shards.items() for key in keys)
    (unet / "diffusion_pytorch_model.safetensors").unlink()
    (unet / "diffusion_pytorch_model.safetensors.index.json").write_text(f'{{"weight_map": {{{listed}}}}}')
    vae = tmp_path / "m" / "vae" / "diffusion_pytorch_model.safetensors"
    vae.rename(vae.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert opened(tmp_path / "m").digest == model.digest


def test_the_tensors_of_a_model_do_not_hang_on_its_file(tmp_path: Path) -> None:
    path = saved("sd2", tmp_path)
    model = opened(path)
    before = {n: t.clone() for n, t in weights(model).items()}
    path.write_bytes(b"\0" * path.stat().st_size)
    assert same(weights(model), before)
    assert all(t.data_ptr() % 64 == 0 for t in weights(model).values())


def test_text_encoders_without_their_prefix_are_read(tmp_path: Path) -> None:
    model = small("sd1")
    export_diffusers(model, tmp_path / "m")
    file = tmp_path / "m" / "text_encoder" / "model.safetensors"
    source = open_tensors(file)
    bare = {n.removeprefix("text_model."): source.tensor(n).clone() for n in source}
    assert set(bare) != set(source)
    save_tensors(bare, file)
    assert opened(tmp_path / "m").digest == model.digest


def test_the_folder_table_refuses_a_part_of_what_it_needs() -> None:
    assert replace(folder_layout.LAYOUT, dropped=()).match(["safety_checker/x"]).unknown == (
        "safety_checker/x",
    )
