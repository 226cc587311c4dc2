"""Whole models against diffusers: a folder of ours read by it, and a folder of its own read by us.

Error is max|a-b| / max|reference|, at most 1e-5 in float32; every comparison must fail when something is changed.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from families.reduced import SMALL2, texted
from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Family, Model
from mezzotint.families.registry import open_model
from mezzotint.families.schedules import Betas
from mezzotint.nets.conditioning import Conditioning
from mezzotint.text.vocabulary import SMALLEST, train
from mezzotint.values.recipe import ModelUse

BOUND = 1e-5
PROMPT = "A small RED boat, über 42 waves."
"""Without an exclamation mark: where "!" is the padding (SD 2), transformers takes one in a text for padding too, and
OpenCLIP and we do not."""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def lettered(family: Family) -> Family:
    """The same family with a vocabulary of 40 learned words, so that ids are not letters only."""
    words = train([PROMPT.lower(), "a small boat and a red boat"], SMALLEST + 40)
    return texted(
        family,
        vocabulary=lambda: words,
        pad=0 if family.text.pad == 0 else len(words.vocab) - 1,
        vocab=len(words.vocab),
    )


FAMILIES = {
    "toy, noise": lettered(toy.TOY),
    "sd2, velocity": replace(lettered(SMALL2), prediction=VELOCITY, schedule=Betas(0.001, 0.02, 800)),
}


def pipeline(folder: Path) -> StableDiffusionPipeline:
    return StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, local_files_only=True)


@pytest.fixture(scope="module", params=FAMILIES)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Model, StableDiffusionPipeline]:
    """A model of ours, and what diffusers reads from the folder it was exported to."""
    model = toy.make(FAMILIES[request.param])
    folder = tmp_path_factory.mktemp("exported") / "model"
    export_diffusers(model, folder)
    return model, pipeline(folder)


Pair = tuple[Model, StableDiffusionPipeline]


def error(ours: Tensor, theirs: Tensor) -> float:
    assert ours.shape == theirs.shape
    return float((ours - theirs).abs().max() / theirs.abs().max())


def their_ids(pipe: StableDiffusionPipeline, text: str = PROMPT) -> Tensor:
    length = pipe.tokenizer.model_max_length
    return pipe.tokenizer(
        text, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids


def our_ids(model: Model, text: str = PROMPT) -> Tensor:
    return torch.tensor([model.text.tokenizer.padded(text)[0]])


@torch.inference_mode()
def our_states(model: Model, ids: Tensor, skip: int) -> Tensor:
    return model.text.network(ids, eos=model.text.tokenizer.eos, skip=skip).tokens


@torch.inference_mode()
def their_states(pipe: StableDiffusionPipeline, ids: Tensor) -> Tensor:
    return pipe.text_encoder(ids)[0]


def test_the_tokens_are_the_same(pair: Pair) -> None:
    model, pipe = pair
    for text in (PROMPT, "", "a red boat " * 60):
        assert our_ids(model, text).tolist() == their_ids(pipe, text).tolist()
    assert our_ids(model).tolist() != their_ids(pipe, PROMPT + " sea").tolist()


def test_the_text_states_are_the_same(pair: Pair) -> None:
    model, pipe = pair
    theirs = their_states(pipe, their_ids(pipe))
    skip = model.family.text.skipped(None)
    assert error(our_states(model, our_ids(model), skip), theirs) <= BOUND
    assert error(our_states(model, our_ids(model), 1 - min(skip, 1)), theirs) > 100 * BOUND
    assert error(our_states(model, our_ids(model, "a boat"), skip), theirs) > 100 * BOUND


def test_the_unet_is_the_same(pair: Pair) -> None:
    model, pipe = pair
    states = our_states(model, our_ids(model), model.family.text.skipped(None))
    x = torch.randn(1, 4, 12, 20)
    with torch.inference_mode():
        theirs = pipe.unet(x, 481, states).sample
        assert error(model.unet(x, torch.tensor([481]), Conditioning(states)).sample, theirs) <= BOUND
        assert error(model.unet(x, torch.tensor([480]), Conditioning(states)).sample, theirs) > BOUND
        assert (
            error(model.unet(x, torch.tensor([481]), Conditioning(states.roll(1, 2))).sample, theirs) > BOUND
        )


def test_the_autoencoder_is_the_same(pair: Pair) -> None:
    model, pipe = pair
    scale = model.family.latent.scale
    z = torch.randn(1, 4, 8, 6)
    with torch.inference_mode():
        pixels = pipe.vae.decode(z / pipe.vae.config.scaling_factor).sample
        assert error(model.autoencoder.decode(z / scale), pixels) <= BOUND
        assert error(model.autoencoder.decode(z / (scale * 1.001)), pixels) > BOUND
        moments = pipe.vae.encode(pixels.clamp(-1, 1)).latent_dist
        mean, logvar = model.autoencoder.encode(pixels.clamp(-1, 1))
        assert error(mean, moments.mean) <= BOUND and error(logvar, moments.logvar) <= BOUND
        assert error(mean.flip(-1), moments.mean) > BOUND


def test_the_schedule_and_the_prediction_are_the_same(pair: Pair) -> None:
    model, pipe = pair
    abar = pipe.scheduler.alphas_cumprod.double()
    sigmas = ((1 - abar) / abar).sqrt()
    assert error(model.family.path.sigmas, sigmas) <= BOUND
    assert error(model.family.path.sigmas.roll(1), sigmas) > BOUND
    t, level = 399, model.family.path.training(torch.tensor([399]))
    x, answer = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8)
    pipe.scheduler.set_timesteps(pipe.scheduler.config.num_train_timesteps)
    theirs = pipe.scheduler.step(answer, t, x).pred_original_sample
    unscaled = x * (1 + level.sigma**2).sqrt().float()
    assert error(model.prediction.clean(answer, unscaled, level), theirs) <= BOUND
    assert error(model.prediction.clean(answer * 1.001, unscaled, level), theirs) > BOUND


@pytest.fixture(scope="module")
def theirs(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that diffusers wrote itself: its own weights, names and configuration files, head counts per level."""
    torch.manual_seed(3)
    _, read = pair
    words = read.tokenizer
    assert isinstance(words, CLIPTokenizer)
    text = CLIPTextConfig(
        vocab_size=len(words), hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=77, hidden_act="gelu", eos_token_id=words.eos_token_id,
    )  # fmt: skip
    unet = UNet2DConditionModel(
        sample_size=16, block_out_channels=(16, 32), layers_per_block=1, cross_attention_dim=48, norm_num_groups=8,
        attention_head_dim=(2, 4), down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), use_linear_projection=words.pad_token != "<|endoftext|>",
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(16, 32, 32), layers_per_block=2, norm_num_groups=8, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3, scaling_factor=0.3,
    )  # fmt: skip
    pipe = StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel(text), tokenizer=words, unet=unet,
        scheduler=DDIMScheduler(beta_schedule="scaled_linear", prediction_type="v_prediction"),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("theirs") / "model"
    pipe.save_pretrained(folder)
    return folder


def test_a_folder_that_diffusers_wrote_computes_the_same(theirs: Path) -> None:
    model, pipe = open_model(ModelUse(base=str(theirs))), pipeline(theirs)
    assert model.prediction is VELOCITY and model.family.latent.scale == 0.3
    assert model.family.defaults.width == 64 and model.family.unet.heads == (2, 4)
    assert our_ids(model).tolist() == their_ids(pipe).tolist()
    states = their_states(pipe, their_ids(pipe))
    assert error(our_states(model, our_ids(model), model.family.text.skipped(None)), states) <= BOUND
    x = torch.randn(1, 4, 16, 16)
    with torch.inference_mode():
        sample, pixels = pipe.unet(x, 7, states).sample, pipe.vae.decode(x).sample
        assert error(model.unet(x, torch.tensor([7]), Conditioning(states)).sample, sample) <= BOUND
        assert error(model.autoencoder.decode(x), pixels) <= BOUND
        model.unet.down[0].attentions[0].blocks[0].attn1.heads = 4
        assert error(model.unet(x, torch.tensor([7]), Conditioning(states)).sample, sample) > BOUND
