"""Writes a model as a diffusers folder, which diffusers' `StableDiffusionPipeline` and most other programs read.

Takes an opened model and the path of a folder that does not exist yet. Gives the whole folder or none: networks,
tokenizer, scheduler and their configurations, computing the same as our modules. Knows no device.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from mezzotint.diffusion.prediction import Prediction
from mezzotint.families.assemble import weights_of
from mezzotint.families.configs import PREDICTION_TYPES
from mezzotint.families.family import Family, Model
from mezzotint.families.layouts import folder as layout
from mezzotint.text import vocabulary
from mezzotint.text.vocabulary import END, START, Vocabulary
from mezzotint.values.errors import OutputFailed
from mezzotint.values.files import write_atomically
from mezzotint.weights.files import InMemory, save_tensors

DIFFUSERS_VERSION = "0.35.0"
"""The version whose reading of these files is meant; readers apply old defaults to files without one."""

WEIGHTS = (
    (layout.UNET, "diffusion_pytorch_model.safetensors"),
    (layout.AUTOENCODER, "diffusion_pytorch_model.safetensors"),
    (layout.TEXT, "model.safetensors"),
)

Json = Mapping[str, object]


def export_diffusers(model: Model, folder: Path) -> None:
    """Write `model` to `folder` in the types its weights have. Raises OutputFailed; then nothing is left behind."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputFailed(folder, "it exists already", hint="choose another folder, or remove this one")
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.part")
    try:
        try:
            _write(model, draft)
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise OutputFailed(folder, error.strerror or str(error)) from error


def _write(model: Model, folder: Path) -> None:
    family, words = model.family, model.family.vocabulary()
    configs = {
        "model_index.json": model_index(),
        "unet/config.json": unet_config(family),
        "vae/config.json": autoencoder_config(family),
        "text_encoder/config.json": text_config(family, words),
        "scheduler/scheduler_config.json": scheduler_config(family, model.prediction),
        "tokenizer/tokenizer_config.json": tokenizer_config(family, words),
        "tokenizer/special_tokens_map.json": special_tokens(family, words),
    }
    for name, config in configs.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        write_atomically(path, lambda file, text=text: file.write(text.encode()))
    vocabulary.save(words, folder / "tokenizer")
    theirs = layout.LAYOUT.export(InMemory(folder, read_weights(model)))
    for part, name in WEIGHTS:
        own = {n.removeprefix(part): tensor for n, tensor in theirs.items() if n.startswith(part)}
        save_tensors(own, folder / part / name, {"format": "pt"})


def read_weights(model: Model) -> dict[str, Tensor]:
    """The weights that drawing reads: diffusers reads the last text layer, so later ones are left out."""
    family = model.family
    unread = tuple(f"text.blocks.{i}." for i in range(_layers(family), family.text.layers))
    weights = weights_of((model.unet, model.autoencoder, model.text))
    return {n: t for n, t in weights.items() if not n.startswith((*unread, "text.projection."))}


def _layers(family: Family) -> int:
    return family.text.layers - family.skip


def model_index() -> Json:
    """`model_index.json`: which class reads which folder."""
    return {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": DIFFUSERS_VERSION,
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }


def unet_config(family: Family) -> Json:
    """`unet/config.json`."""
    g = family.unet
    return {
        "_class_name": "UNet2DConditionModel",
        "_diffusers_version": DIFFUSERS_VERSION,
        "act_fn": "silu",
        "attention_head_dim": list(g.heads),  # the number of heads, in spite of its name
        "block_out_channels": list(g.channels),
        "center_input_sample": False,
        "cross_attention_dim": g.context,
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in g.attention],
        "downsample_padding": 1,
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "in_channels": g.in_channels,
        "layers_per_block": g.layers,
        "mid_block_scale_factor": 1,
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "norm_eps": 1e-5,
        "norm_num_groups": g.norm_groups,
        "out_channels": g.out_channels,
        "sample_size": family.defaults.width // family.latent.factor,
        "transformer_layers_per_block": g.blocks,
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(g.attention)],
        "use_linear_projection": g.linear_projection,
    }


def autoencoder_config(family: Family) -> Json:
    """`vae/config.json`."""
    g = family.autoencoder
    return {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": DIFFUSERS_VERSION,
        "act_fn": "silu",
        "block_out_channels": list(g.channels),
        "down_block_types": ["DownEncoderBlock2D"] * len(g.channels),
        "in_channels": g.pixels,
        "latent_channels": g.latent,
        "layers_per_block": g.layers,
        "norm_num_groups": g.norm_groups,
        "out_channels": g.pixels,
        "sample_size": family.defaults.width,
        "scaling_factor": family.latent.scale,
        "up_block_types": ["UpDecoderBlock2D"] * len(g.channels),
        "use_post_quant_conv": g.quant,
        "use_quant_conv": g.quant,
    }


def text_config(family: Family, words: Vocabulary) -> Json:
    """`text_encoder/config.json`."""
    g = family.text
    return {
        "architectures": ["CLIPTextModel"],
        "bos_token_id": words.vocab[START],
        "eos_token_id": words.vocab[END],
        "hidden_act": g.activation,
        "hidden_size": g.width,
        "intermediate_size": g.hidden,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": g.length,
        "model_type": "clip_text_model",
        "num_attention_heads": g.heads,
        "num_hidden_layers": _layers(family),
        "pad_token_id": family.pad,
        "projection_dim": g.width,
        "vocab_size": g.vocab,
    }


def scheduler_config(family: Family, prediction: Prediction) -> Json:
    """`scheduler/scheduler_config.json`: the noise schedule and what is predicted."""
    types = {ours: theirs for theirs, ours in PREDICTION_TYPES.items()}
    return {
        "_class_name": "DDIMScheduler",
        "_diffusers_version": DIFFUSERS_VERSION,
        "beta_end": family.betas.last,
        "beta_schedule": "scaled_linear",
        "beta_start": family.betas.first,
        "clip_sample": False,
        "num_train_timesteps": family.betas.count,
        "prediction_type": types[prediction.name],
        "set_alpha_to_one": True,  # our plans end at sigma = 0; with this both programs draw the same picture
        "steps_offset": 1,
        "timestep_spacing": "leading",
        "trained_betas": None,
    }


def tokenizer_config(family: Family, words: Vocabulary) -> Json:
    """`tokenizer/tokenizer_config.json`."""
    return {
        "add_prefix_space": False,
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": family.text.length,
        "tokenizer_class": "CLIPTokenizer",
        **special_tokens(family, words),
    }


def special_tokens(family: Family, words: Vocabulary) -> Json:
    """`tokenizer/special_tokens_map.json`."""
    pad = next(token for token, number in words.vocab.items() if number == family.pad)
    return {"bos_token": START, "eos_token": END, "pad_token": pad, "unk_token": END}
