"""Seeded random weights for a network of ours and its reference: names, filling and the error measure."""

import re

import torch
from torch import Tensor, nn

BOUND = 1e-5

_COMMON = (
    (r"(down|up)\.(\d+)\.downsample\.", r"\1_blocks.\2.downsamplers.0.conv."),
    (r"(down|up)\.(\d+)\.upsample\.", r"\1_blocks.\2.upsamplers.0.conv."),
    (r"(down|up)\.(\d+)\.(resnets|attentions)", r"\1_blocks.\2.\3"),
    (r"mid\.resnets", "mid_block.resnets"),
    (r"mid\.attention\.", "mid_block.attentions.0."),
    (r"norm_out", "conv_norm_out"),
    (r"shortcut", "conv_shortcut"),
)
_UNET = (
    (r"^time_in", "time_embedding.linear_1"),
    (r"^time_out", "time_embedding.linear_2"),
    *_COMMON,
    (r"\.time\.", ".time_emb_proj."),
    (r"blocks\.(\d+)\.(norm|attn|ff)", r"transformer_blocks.\1.\2"),
    (r"(attn\d)\.([qkv])\.", r"\1.to_\2."),
    (r"(attn\d)\.out\.", r"\1.to_out.0."),
    (r"ff\.proj\.", "ff.net.0.proj."),
    (r"ff\.out\.", "ff.net.2."),
)
_AUTOENCODER = (
    *_COMMON,
    (r"attentions\.0\.norm\.", "attentions.0.group_norm."),
    (r"attentions\.0\.([qkv])\.", r"attentions.0.to_\1."),
    (r"attentions\.0\.out\.", "attentions.0.to_out.0."),
    (r"^(post_)?quant\.", r"\1quant_conv."),
)
_CLIP = (
    (r"^token\.weight", "embeddings.token_embedding.weight"),
    (r"^position$", "embeddings.position_embedding.weight"),
    (r"^blocks\.(\d+)", r"encoder.layers.\1"),
    (r"\.norm(\d)\.", r".layer_norm\1."),
    (r"\.attention\.([qkv])\.", r".self_attn.\1_proj."),
    (r"\.attention\.out\.", ".self_attn.out_proj."),
    (r"\.fc(\d)\.", r".mlp.fc\1."),
    (r"^norm\.", "final_layer_norm."),
)


def renamed(ours: str, rules: tuple[tuple[str, str], ...]) -> str:
    """The reference's name of one of our parameters."""
    for pattern, into in rules:
        ours = re.sub(pattern, into, ours)
    return ours


def unet_name(ours: str) -> str:
    """A diffusers UNet2DConditionModel name."""
    return renamed(ours, _UNET)


def autoencoder_name(ours: str) -> str:
    """A diffusers AutoencoderKL name."""
    return renamed(ours, _AUTOENCODER)


def clip_name(ours: str) -> str:
    """A transformers CLIPTextModel name, without the `text_model.` that some versions put in front."""
    return "text_projection.weight" if ours == "projection.weight" else renamed(ours, _CLIP)


def fill(module: nn.Module, seed: int = 0) -> None:
    """Random weights that keep the signal: norms near 1, the rest by the size of their input."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if parameter.dim() == 1:
                is_gain = "norm" in name and name.endswith("weight")
                parameter.copy_(noise * 0.1 + (1.0 if is_gain else 0.0))
            else:
                parameter.copy_(noise * parameter[0].numel() ** -0.5)


def copied(reference: nn.Module, ours: nn.Module, name: object) -> None:
    """Fill the reference and copy every parameter; each must be used exactly once."""
    assert callable(name)
    fill(reference)
    theirs = {key.removeprefix("text_model."): value for key, value in reference.state_dict().items()}
    theirs = {key: value for key, value in theirs.items() if not key.endswith("position_ids")}
    mine = ours.state_dict()
    assert sorted(name(key) for key in mine) == sorted(theirs)
    ours.load_state_dict({key: theirs[name(key)].reshape(value.shape) for key, value in mine.items()})


def error(ours: Tensor, reference: Tensor) -> float:
    """max|a-b| / max|ref|."""
    assert ours.shape == reference.shape
    return ((ours - reference).abs().max() / reference.abs().max()).item()
