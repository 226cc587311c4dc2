"""LoRA against peft and against diffusers' own loading: a UNet and a text encoder answer alike with it merged."""

from pathlib import Path

import peft
import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from torch import Tensor

from adapters.loras import low_rank
from families.reduced import LETTERS
from mezzotint.adapters.model import ModelAdapters, weights
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Model
from mezzotint.nets.conditioning import Conditioning
from mezzotint.weights.files import save_tensors
from parity.nets_reference import BOUND, error


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small"
    export_diffusers(toy.make(LETTERS), path)
    return path


@pytest.fixture
def ours() -> tuple[Model, ModelAdapters]:
    model, fresh = toy.make(LETTERS), weights(toy.make(LETTERS))
    return model, ModelAdapters(model, fresh.__getitem__)


X, TEXT, T = torch.randn(2, 4, 8, 8), torch.randn(2, 7, 32), torch.tensor([981, 3])


@torch.no_grad()
def answer(model: Model) -> Tensor:
    return model.unet(X, T, Conditioning(TEXT)).sample


def unet(folder: Path) -> UNet2DConditionModel:
    return UNet2DConditionModel.from_pretrained(folder / "unet").eval()


TARGETS = ["to_q", "to_out.0", "ff.net.0.proj", "proj_in", "conv1"]
FORMS = {
    "lora": peft.LoraConfig(r=3, lora_alpha=5, target_modules=TARGETS, init_lora_weights=False),
    "scaled by the root": peft.LoraConfig(
        r=4, lora_alpha=3, target_modules=TARGETS, init_lora_weights=False, use_rslora=True
    ),
    "dora": peft.LoraConfig(
        r=3, lora_alpha=2, target_modules=TARGETS, init_lora_weights=False, use_dora=True
    ),
    "ia3": peft.IA3Config(
        target_modules=TARGETS, feedforward_modules=["ff.net.0.proj", "conv1"], init_ia3_weights=False
    ),
    "ia3 of what comes out": peft.IA3Config(
        target_modules=TARGETS, feedforward_modules=[], init_ia3_weights=False
    ),
    "a rank and an alpha for one layer": peft.LoraConfig(
        r=3,
        lora_alpha=5,
        target_modules=TARGETS,
        init_lora_weights=False,
        rank_pattern={"mid_block.attentions.0.proj_in": 6},
        alpha_pattern={"mid_block.attentions.0.proj_in": 1},
    ),
}


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_what_peft_saves_does_here_what_it_does_there(
    form: str, folder: Path, ours: tuple[Model, ModelAdapters], tmp_path: Path
) -> None:
    torch.manual_seed(5)
    theirs = peft.get_peft_model(unet(folder), FORMS[form]).eval()  # pyright: ignore
    for name, parameter in theirs.named_parameters():
        if "magnitude" in name:
            parameter.mul_(1 + 0.3 * torch.randn_like(parameter))
    theirs.save_pretrained(tmp_path)
    expected = theirs(X, T, TEXT).sample
    model, adapters = ours
    without = answer(model)
    adapters.use([(tmp_path / "adapter_model.safetensors", 1.0)])
    assert error(answer(model), expected) <= BOUND
    adapters.use([(tmp_path / "adapter_model.safetensors", 0.9)])
    assert error(answer(model), expected) > 100 * BOUND
    adapters.use([])
    assert torch.equal(answer(model), without) and error(without, expected) > 1000 * BOUND


# Attention layers of the text encoder are left out: diffusers 0.42 with transformers 5 drops them with a notice.
LAYERS = {
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k": (64, 32),
    "lora_unet_down_blocks_0_attentions_1_transformer_blocks_0_ff_net_2": (32, 128),
    "lora_te_text_model_encoder_layers_0_mlp_fc1": (48, 32),
    "lora_te_text_model_encoder_layers_1_mlp_fc2": (32, 48),
}


@torch.no_grad()
def test_a_kohya_file_does_here_what_it_does_in_diffusers(
    folder: Path, ours: tuple[Model, ModelAdapters], tmp_path: Path
) -> None:
    # One alpha for all: diffusers 0.42 loses one that is alone on the way to peft, where an attention layer has it.
    alphas = {f"{layer}.alpha": torch.tensor(1.5) for layer in LAYERS}
    save_tensors(low_rank(LAYERS, LAYERS, 4) | alphas, tmp_path / "kohya.safetensors")
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipe.load_lora_weights(tmp_path, weight_name="kohya.safetensors")
    pipe.fuse_lora(lora_scale=0.7)
    model, adapters = ours
    ids = torch.tensor([model.text.tokenizer.padded("a red cat")[0]])
    texts = pipe.text_encoder(ids).last_hidden_state
    expected = pipe.unet(X, T, TEXT).sample
    for weight, bound in ((0.7, True), (0.6, False)):
        adapters.use([(tmp_path / "kohya.safetensors", weight)])
        got = model.text.network(ids, eos=model.text.tokenizer.eos, skip=0).tokens
        assert (error(got, texts) <= BOUND) is bound and (error(answer(model), expected) <= BOUND) is bound
