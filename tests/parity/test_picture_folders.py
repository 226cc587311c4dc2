"""Folders of the models that draw from a picture: written here, opened by diffusers' pipelines, and the other way.

Toy sizes, random weights; error is max|a-b| / max|reference|, at most 1e-5 in float32, and every comparison must fail
when something is changed.
"""

import inspect
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from PIL import Image
from torch import Tensor

from families.reduced import FAMILIES, small, weights
from mezzotint.families import toy
from mezzotint.families.configs import DEPTH, IMAGE, IMAGE_NOISE, LOW_RES
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Model
from mezzotint.families.registry import find, open_model
from mezzotint.nets.augmentor import AugmentorGeometry, NoiseAugmentor, cosine_signal
from mezzotint.nets.conditioning import Conditioning
from mezzotint.values.errors import BadModelFile
from mezzotint.values.recipe import ModelUse
from parity.nets_reference import BOUND, error
from parity.through_layout import same

FAR = 1e-3
PIPELINES = {
    "sd1-inpainting": diffusers.StableDiffusionInpaintPipeline,
    "sd1-pix2pix": diffusers.StableDiffusionInstructPix2PixPipeline,
    "sd2-inpainting": diffusers.StableDiffusionInpaintPipeline,
    "sd2-depth": diffusers.StableDiffusionDepth2ImgPipeline,
    "sd2-unclip": diffusers.StableUnCLIPImg2ImgPipeline,
    "sdxl-inpainting": diffusers.StableDiffusionXLInpaintPipeline,
    "x4-upscaler": diffusers.StableDiffusionUpscalePipeline,
}

pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass(frozen=True)
class Pair:
    """A model of ours, the folder that it was written to, and what diffusers reads from there."""

    name: str
    model: Model
    folder: Path
    pipe: Any


def made(name: str) -> Model:
    """A small model; that of unCLIP with statistics of its own."""
    if name != "sd2-unclip":
        return small(name)
    family = FAMILIES[name]
    return toy.make(replace(family, pictures={**family.pictures, "augmentor": AugmentorGeometry(24)}))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Pair]:
    """Each pair by its name, made once."""

    @cache
    def written(name: str) -> Pair:
        model, folder = made(name), tmp_path_factory.mktemp(name) / "model"
        export_diffusers(model, folder)
        return Pair(name, model, folder, PIPELINES[name].from_pretrained(folder, local_files_only=True))

    return written


@pytest.fixture(params=PIPELINES)
def pair(request: pytest.FixtureRequest, pairs: Callable[[str], Pair]) -> Pair:
    return pairs(request.param)


def opened(folder: Path) -> Model:
    return open_model(ModelUse(base=str(folder)))


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_the_index_names_what_the_pipeline_takes(pair: Pair) -> None:
    index = json.loads((pair.folder / "model_index.json").read_text())
    assert index["_class_name"] == type(pair.pipe).__name__
    taken = inspect.signature(type(pair.pipe).__init__).parameters
    assert {name for name in index if not name.startswith("_")} <= set(taken)
    there = {name for name, value in index.items() if isinstance(value, list) and value != [None, None]}
    assert there == {path.name for path in pair.folder.iterdir() if path.is_dir()}


@torch.no_grad()
def test_the_networks_are_the_same(pair: Pair) -> None:
    g, t = pair.model.unet.geometry, torch.tensor([500])
    x, tokens = drawn(1, g.in_channels, 16, 16), drawn(1, 5, g.context)
    given: dict[str, Any] = {}
    pooled = numbers = None
    if pair.name == "sd2-unclip":
        pooled, numbers = drawn(1, 24), torch.tensor([[7.0]])
        sinusoids = diffusers.models.embeddings.get_timestep_embedding(numbers[0], 24, True, 0)
        given["class_labels"] = torch.cat([pooled, sinusoids], dim=1)
    elif g.added is not None:
        pooled, numbers = drawn(1, g.added.pooled), drawn(1, g.added.numbers)
        given["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": numbers}
    elif g.classes:
        numbers = torch.tensor([[3.0]])
        given["class_labels"] = torch.tensor([3])
    expected = pair.pipe.unet(x, t, tokens, **given).sample
    latent, planes = x[:, : g.out_channels], x[:, g.out_channels :]
    cond = Conditioning(tokens, pooled, numbers, planes if planes.numel() else None)
    assert error(pair.model.unet(latent, t, cond).sample, expected) <= BOUND
    changed = replace(cond, tokens=tokens.flip(1).flip(2))
    assert error(pair.model.unet(latent, t, changed).sample, expected) > FAR
    if pooled is not None:
        assert error(pair.model.unet(latent, t, replace(cond, pooled=-pooled)).sample, expected) > FAR
    z = drawn(1, pair.model.family.latent.channels, 8, 8)
    picture = pair.pipe.vae.decode(z).sample
    assert error(pair.model.autoencoder.decode(z), picture) <= BOUND
    assert error(pair.model.autoencoder.decode(-z), picture) > FAR


def test_their_own_folder_has_equal_weights(pair: Pair, tmp_path: Path) -> None:
    pair.pipe.save_pretrained(tmp_path / "theirs")
    theirs, ours = opened(tmp_path / "theirs"), opened(pair.folder)
    assert same(weights(theirs), weights(ours))
    assert (theirs.family.denoiser, theirs.family.pictures) == (ours.family.denoiser, ours.family.pictures)
    assert theirs.family.name == pair.name and theirs.prediction == pair.model.prediction
    assert set(theirs.pictures) == set(pair.model.pictures)


@torch.no_grad()
def test_the_depth_network(pairs: Callable[[str], Pair]) -> None:
    pair = pairs("sd2-depth")
    ours, theirs = opened(pair.folder).pictures["depth"], pair.pipe.depth_estimator
    for net in (theirs.head.head[4], ours.get_submodule("head.conv3")):
        torch.nn.init.ones_(net.bias)
    shown = pair.pipe.feature_extractor(Image.new("RGB", (90, 50), "red"), return_tensors="pt").pixel_values
    assert shown.shape == (1, 3, 64, 64) and error(shown[0, :, 0, 0], torch.tensor([1.0, -1, -1])) <= BOUND
    picture = drawn(1, 3, 64, 64)
    expected = theirs(picture).predicted_depth
    assert error(ours(picture)[:, 0], expected) <= BOUND
    assert error(ours(picture.flip(-1))[:, 0], expected) > FAR


@torch.no_grad()
def test_the_image_encoder_and_its_noise(pairs: Callable[[str], Pair]) -> None:
    pair = pairs("sd2-unclip")
    looks = opened(pair.folder).pictures
    picture = drawn(2, 3, 16, 16)
    expected = pair.pipe.image_encoder(picture).image_embeds
    vectors = looks["image"](picture).pooled
    assert error(vectors, expected) <= BOUND
    assert error(looks["image"](picture.flip(-1)).pooled, expected) > FAR
    shown = pair.pipe.feature_extractor(Image.new("RGB", (90, 50)), return_tensors="pt").pixel_values
    assert shown.shape == (1, 3, 16, 16)
    noise, augmentor = drawn(2, 24), looks["augmentor"]
    assert isinstance(augmentor, NoiseAugmentor)
    noised = pair.pipe.noise_image_embeddings(expected, noise_level=300, noise=noise)
    level = torch.tensor([300, 300])
    assert error(augmentor(vectors, level, noise), noised) <= BOUND
    assert error(NoiseAugmentor(24)(vectors, level, noise), noised) > FAR
    known = pair.pipe.image_noising_scheduler.alphas_cumprod.double()
    assert error(cosine_signal(), known) <= BOUND


def test_the_noise_on_the_small_picture(pairs: Callable[[str], Pair]) -> None:
    pair = pairs("x4-upscaler")
    assert dict(pair.pipe.low_res_scheduler.config).items() >= {
        "beta_end": 0.02, "beta_schedule": "scaled_linear", "beta_start": 0.0001, "clip_sample": True,
        "num_train_timesteps": 1000, "prediction_type": "epsilon", "variance_type": "fixed_small",
    }.items()  # fmt: skip
    assert pair.pipe.config.max_noise_level == 350


REFUSED: tuple[tuple[str, str, str, object], ...] = (
    ("x4-upscaler", LOW_RES, "beta_end", 0.012),
    ("sd2-unclip", IMAGE_NOISE, "beta_schedule", "linear"),
    ("sd2-unclip", IMAGE, "hidden_act", "relu"),
    ("sd2-unclip", IMAGE, "layer_norm_eps", 1e-6),
    ("sd2-depth", DEPTH, "is_hybrid", False),
    ("sd2-depth", DEPTH, "num_attention_heads", 3),
)


@pytest.mark.parametrize(("name", "file", "setting", "value"), REFUSED)
def test_settings_that_are_not_ours(
    name: str, file: str, setting: str, value: object, pairs: Callable[[str], Pair]
) -> None:
    path = pairs(name).folder / file
    before = path.read_text()
    assert setting in json.loads(before)
    try:
        path.write_text(json.dumps(json.loads(before) | {setting: value}))
        with pytest.raises(BadModelFile, match=f"{setting} is|sizes no network can have"):
            find(ModelUse(base=str(pairs(name).folder)))
    finally:
        path.write_text(before)


def test_an_image_encoder_for_something_else_is_not_opened(
    pairs: Callable[[str], Pair], tmp_path: Path
) -> None:
    shutil.copytree(pairs("sd1-inpainting").folder, tmp_path / "model")
    (tmp_path / "model" / "image_encoder").mkdir()
    (tmp_path / "model" / "image_encoder" / "config.json").write_text('{"hidden_act": "relu"}')
    assert find(ModelUse(base=str(tmp_path / "model"))).family.pictures == {}
