"""SD 3: what its files may lack, parts in files of their own, folders, and what is said of models that cannot draw."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from families.published import checkpoint, tensors
from families.reduced import JOINT, SMALL1, TEXTS, file_without, part_file, saved, single, small, weights
from mezzotint.diffusion.prediction import FLOW
from mezzotint.families import toy
from mezzotint.families.assemble import check_fit, empty_model, weights_of
from mezzotint.families.conditions import Asked
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Model
from mezzotint.families.layouts import autoencoder_diffusers, autoencoder_ldm
from mezzotint.families.layouts.mmdit_checkpoint import CLIP, T5
from mezzotint.families.parts import Piece, shapes_of
from mezzotint.families.recognise import recognise
from mezzotint.families.registry import find, open_model
from mezzotint.families.resolve import resolve
from mezzotint.families.sd3 import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM
from mezzotint.store.named import named, write
from mezzotint.values.errors import BadModelFile, BadValue, MezzotintError, ModelNotFound
from mezzotint.values.recipe import ModelUse, PartUse
from mezzotint.weights.files import InMemory, open_tensors, save_tensors
from mezzotint.weights.folders import open_folder
from mezzotint.weights.scaled import with_scales

CPU = torch.device("cpu")


def opened(path: Path, *parts: Path) -> Model:
    return open_model(used(path, *parts))


def used(path: Path, *parts: Path) -> ModelUse:
    return ModelUse(base=str(path), parts=tuple(PartUse(file=str(part)) for part in parts))


def conditioning(model: Model) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        made = model.conditioning(Asked("a red boat", 64, 64), None, CPU)
    assert made.pooled is not None
    return made.tokens, made.pooled


@pytest.fixture(scope="module")
def whole() -> tuple[Tensor, Tensor]:
    return conditioning(small("sd3-medium"))


def test_states_lie_side_by_side_and_one_after_the_other(whole: tuple[Tensor, Tensor]) -> None:
    tokens, pooled = whole
    assert tokens.shape == (1, 77 + 256, 112) and pooled.shape == (1, 32 + 48)
    assert not tokens[:, :77, 96:].any() and tokens[:, :77, :96].all(dim=-1).all()
    assert tokens[:, 77:].any(dim=-1).all()


@pytest.mark.parametrize(
    "texts", [("clip_l",), ("clip_g",), ("t5",), ("clip_l", "t5"), ("clip_l", "clip_g")], ids=str
)
def test_a_missing_encoder_is_zeros_and_the_others_stay_where_they_are(
    texts: tuple[str, ...], whole: tuple[Tensor, Tensor], tmp_path: Path
) -> None:
    model = opened(file_without(tmp_path / "a.safetensors", *texts))
    assert model.family.missing == set(texts) and {e.part.name for e in model.texts} == set(TEXTS) - set(
        texts
    )
    wanted = [part.clone() for part in whole]
    if "clip_l" in texts:
        wanted[0][:, :77, :32], wanted[1][:, :32] = 0, 0
    if "clip_g" in texts:
        wanted[0][:, :77, 32:96], wanted[1][:, 32:] = 0, 0
    if "t5" in texts:
        wanted[0][:, 77:] = 0
    assert all(torch.equal(a, b) for a, b in zip(conditioning(model), wanted, strict=True))


def test_a_file_without_text_encoders_asks_for_them(tmp_path: Path) -> None:
    path = file_without(tmp_path / "a.safetensors", *TEXTS)
    with pytest.raises(BadModelFile, match=r"--text-encoder clip_l\.safetensors"):
        opened(path)
    assert recognise(path).kind == "a transformer and an autoencoder alone"
    parts = [part_file(tmp_path / f"{text}.safetensors", text) for text in TEXTS]
    model = opened(path, *parts)
    assert model.digest == small("sd3-medium").digest and model.prediction is FLOW
    located = find(used(path, *parts))
    assert located.parts == tuple(parts) and located.decided_by["t5"] == str(parts[2])
    assert opened(path, parts[1]).family.missing == {"clip_l", "t5"}


def test_eight_bits_with_scales_and_numbers_that_nobody_reads(tmp_path: Path) -> None:
    path = file_without(tmp_path / "a.safetensors", "t5", "clip_g")
    t5 = open_tensors(part_file(tmp_path / "t5.safetensors", "t5"))
    scaled = with_scales({name: t5.tensor(name) for name in t5})
    save_tensors(scaled, tmp_path / "t5_scaled.safetensors")
    clip_g = part_file(tmp_path / "clip_g.safetensors", "clip_g", logit_scale=torch.tensor(1.0))
    model = opened(path, clip_g, tmp_path / "t5_scaled.safetensors")
    assert not model.family.missing
    ours, stored = weights(model), weights(small("sd3-medium"))
    assert torch.equal(ours["clip_g.token.weight"], stored["clip_g.token.weight"])
    error = (ours["t5.blocks.0.q.weight"] - stored["t5.blocks.0.q.weight"]).abs().max()
    assert 0 < error < 0.1


def test_a_part_in_a_file_is_used_instead_of_the_models_own(tmp_path: Path) -> None:
    path = saved("sd3-medium", tmp_path)
    other = torch.full_like(weights(small("sd3-medium"))["clip_g.norm.bias"], 2.0)
    part = part_file(tmp_path / "g.safetensors", "clip_g", **{"text_model.final_layer_norm.bias": other})
    model, own = opened(path, part), weights(small("sd3-medium"))
    changed = [n for n, t in weights(model).items() if not torch.equal(t, own[n])]
    assert changed == ["clip_g.norm.bias"] and model.digest != small("sd3-medium").digest


def test_the_projection_of_clip_l_is_read_from_folders_only(tmp_path: Path) -> None:
    """In files it is the identity, or of another training, and the original programs pass it over."""
    projection = torch.full((32, 32), 0.5)
    path = saved("sd3-medium", tmp_path)
    part = part_file(tmp_path / "l.safetensors", "clip_l", **{"text_projection.weight": projection})
    assert torch.equal(conditioning(opened(path, part))[1], conditioning(small("sd3-medium"))[1])
    export_diffusers(opened(path, part), tmp_path / "m")
    written = open_folder(tmp_path / "m" / "text_encoder").tensor("text_projection.weight")
    assert torch.equal(written, torch.eye(32))
    file = tmp_path / "m" / "text_encoder" / "model.safetensors"
    source = open_tensors(file)
    save_tensors({n: source.tensor(n).clone() for n in source} | {"text_projection.weight": projection}, file)
    assert not torch.allclose(conditioning(opened(tmp_path / "m"))[1], conditioning(small("sd3-medium"))[1])


@pytest.mark.parametrize("name", JOINT)
def test_a_folder_comes_back_to_the_last_byte(name: str, tmp_path: Path) -> None:
    model = small(name)
    export_diffusers(model, tmp_path / "model")
    again = opened(tmp_path / "model")
    assert (again.family.name, again.prediction, again.family.schedule) == (name, FLOW, model.family.schedule)
    assert again.family.denoiser == model.family.denoiser and again.family.latent == model.family.latent
    assert weights(again).keys() == weights(model).keys() | {"clip_l.projection.weight"}
    assert all(torch.equal(t, weights(again)[n]) for n, t in weights(model).items())
    assert all(torch.equal(a, b) for a, b in zip(conditioning(again), conditioning(model), strict=True))
    export_diffusers(again, tmp_path / "again")
    files = [p.relative_to(tmp_path / "model") for p in (tmp_path / "model").rglob("*") if p.is_file()]
    assert len(files) == 23
    assert all((tmp_path / "model" / f).read_bytes() == (tmp_path / "again" / f).read_bytes() for f in files)


def test_a_folder_in_shards_without_t5(tmp_path: Path) -> None:
    export_diffusers(small("sd3.5-medium"), tmp_path / "m")
    shutil.rmtree(tmp_path / "m" / "text_encoder_3")
    transformer = tmp_path / "m" / "transformer"
    source = open_folder(transformer)
    names = sorted(source)
    shards = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, keys in shards.items():
        save_tensors({key: source.tensor(key) for key in keys}, transformer / file)
    listed = ", ".join(f'"{key}": "{file}"' for file, keys in shards.items() for key in keys)
    (transformer / "diffusion_pytorch_model.safetensors").unlink()
    (transformer / "diffusion_pytorch_model.safetensors.index.json").write_text(
        f'{{"weight_map": {{{listed}}}}}'
    )
    model = opened(tmp_path / "m")
    assert model.family.missing == {"t5"} and model.family.name == "sd3.5-medium"
    assert opened(tmp_path / "m", part_file(tmp_path / "t5.safetensors", "t5")).family.missing == frozenset()
    export_diffusers(model, tmp_path / "again")
    assert not (tmp_path / "again" / "tokenizer_3").exists()
    assert opened(tmp_path / "again").digest == model.digest


def test_files_and_folders_are_made_of_each_other(tmp_path: Path) -> None:
    path = file_without(tmp_path / "a.safetensors", "t5")
    write(named(path), tmp_path / "m")
    write(named(tmp_path / "m"), tmp_path / "b.safetensors")
    a, b = open_tensors(path), open_tensors(tmp_path / "b.safetensors")
    extra = "text_encoders.clip_l.transformer.text_projection.weight"
    assert set(b) - set(a) == {extra} and torch.equal(b.tensor(extra), torch.eye(32))
    assert set(a) - set(b) == {f"text_encoders.clip_{x}.logit_scale" for x in "lg"}
    assert all(torch.equal(a.tensor(name), b.tensor(name)) for name in b if name != extra)


@pytest.mark.parametrize(
    ("form", "prefix"),
    [("original", ""), ("original", "first_stage_model."), ("diffusers", ""), ("diffusers folder", "")],
)
def test_an_autoencoder_in_a_file_of_its_own_for_any_family(form: str, prefix: str, tmp_path: Path) -> None:
    path = saved("sd1", tmp_path)
    own = {f"autoencoder.{n}": t for n, t in small("sd1").autoencoder.state_dict().items()}
    bare = {n.removeprefix("autoencoder."): t + 0.5 for n, t in own.items()}
    levels = len(SMALL1.autoencoder.channels)
    table = autoencoder_ldm.layout(levels) if form == "original" else autoencoder_diffusers.LAYOUT
    theirs = {prefix + n: t for n, t in table.export(InMemory(path, bare)).items()}
    part = tmp_path / "vae" if form.endswith("folder") else tmp_path / "vae.safetensors"
    part.parent.mkdir(exist_ok=True)
    part.mkdir() if form.endswith("folder") else None
    save_tensors(theirs, part / "diffusion_pytorch_model.safetensors" if part.is_dir() else part)
    model = opened(path, part)
    assert all(torch.equal(t, bare[n]) for n, t in model.autoencoder.state_dict().items())
    assert all(torch.equal(t, weights(model)[n]) for n, t in weights(small("sd1")).items() if n not in own)


def test_a_text_encoder_of_another_family(tmp_path: Path) -> None:
    path = saved("sd1", tmp_path)
    with pytest.raises(BadModelFile, match="a text encoder that Stable Diffusion 1 does not have"):
        opened(path, part_file(tmp_path / "t5.safetensors", "t5"))
    with pytest.raises(BadModelFile, match="do not fit each other"):
        opened(path, part_file(tmp_path / "g.safetensors", "clip_g"))
    twice = part_file(tmp_path / "l.safetensors", "clip_l")
    with pytest.raises(BadModelFile, match=r"is the same part \(clip_l\) as l\.safetensors"):
        opened(saved("sd3-medium", tmp_path), twice, twice)


def test_what_is_no_part(tmp_path: Path) -> None:
    path = saved("sd3-medium", tmp_path)
    with pytest.raises(BadModelFile, match="is a model, not an autoencoder or a text encoder alone"):
        opened(path, saved("sd1", tmp_path))
    with pytest.raises(ModelNotFound):
        opened(path, tmp_path / "nothing.safetensors")
    with pytest.raises(BadValue, match="takes no parts from other files"):
        open_model(ModelUse(base="toy", parts=(PartUse(file=str(path)),)))


def test_only_the_flow_is_predicted(tmp_path: Path) -> None:
    path = saved("sd3-medium", tmp_path)
    with pytest.raises(MezzotintError, match="predicts the flow, and nothing else; leave it out"):
        find(ModelUse(base=str(path), prediction="velocity"))


def test_turbo_is_told_by_the_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(single("sd3.5-large"), path, {"modelspec.title": "Stable Diffusion 3.5 Large Turbo"})
    family = find(ModelUse(base=str(path))).family
    assert (family.name, family.defaults.steps, family.defaults.guidance) == ("sd3.5-large-turbo", 4, 1.0)
    save_tensors(single("sd3-medium"), path, {"modelspec.title": "turbo"})
    assert find(ModelUse(base=str(path))).family.name == "sd3-medium"


PUBLISHED = {
    "sd3_sd3-medium": SD3_MEDIUM,
    "sd3_sd3.5-medium": SD35_MEDIUM,
    "sd3_sd3.5-large": SD35_LARGE,
    "diffusers_sd3-medium": SD3_MEDIUM,
}


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_published_models_are_read_as_their_families(kind: str) -> None:
    own, published = PUBLISHED[kind], checkpoint(kind, tensors(kind, optional=True))
    resolved = resolve(published, None)
    family = resolved.family
    assert resolved.table.match(published.source).unknown == () and not family.missing
    for part in ("name", "denoiser", "autoencoder", "latent", "schedule", "defaults", "prediction"):
        assert getattr(family, part) == getattr(own, part), part
    clip_l, clip_g, t5 = family.texts
    projected = replace(own.text.geometry, projection=768)
    assert clip_l.geometry == projected and (clip_g.geometry, t5) == (own.texts[1].geometry, own.texts[2])
    assert (clip_l.pad, clip_g.pad, clip_l.projected) == (49407, 0, kind.startswith("diffusers"))
    shapes = shapes_of(resolved.table, published.source)
    check_fit(weights_of(empty_model(family).networks), shapes, published.path)


def test_the_published_separate_encoders_make_a_published_file_whole() -> None:
    pieces = [
        Piece("clip", checkpoint("sd3_text_clip_l").source, CLIP),
        Piece("clip", checkpoint("sd3_text_clip_g").source, CLIP),
        Piece("t5", checkpoint("sd3_text_t5xxl").source, T5),
    ]
    resolved = resolve(checkpoint("sd3_sd3.5-large"), None, pieces=pieces)
    assert resolved.family.texts == SD35_LARGE.texts and not resolved.family.missing
    assert list(resolved.parts) == ["clip_l", "clip_g", "t5"]
    lone = resolve(checkpoint("sd3_sd3.5-large"), None, pieces=pieces[2:])
    assert lone.family.missing == {"clip_l", "clip_g"}
    assert [part.pooled for part in lone.family.clips] == [768, 1280]


def test_parts_that_do_not_fit_the_transformer(tmp_path: Path) -> None:
    odd = replace(
        JOINT["sd3-medium"].texts[0], geometry=replace(small("sd3-medium").text.part.geometry, width=96)
    )
    family = replace(JOINT["sd3-medium"], texts=(odd, *JOINT["sd3-medium"].texts[1:]))
    made = {
        n.removeprefix("clip_l."): t for n, t in weights(toy.make(family)).items() if n.startswith("clip_l.")
    }
    save_tensors(CLIP.export(InMemory(tmp_path, made)), tmp_path / "l.safetensors")
    with pytest.raises(BadModelFile, match="do not fit each other"):
        opened(saved("sd3-medium", tmp_path), tmp_path / "l.safetensors")
