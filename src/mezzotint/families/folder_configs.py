"""The JSON files of a diffusers folder, as they make diffusers compute what our modules compute.

Takes an opened model. Gives the content of each file by its name. Knows no weights and writes nothing.
"""

from collections.abc import Mapping

from mezzotint.diffusion.prediction import Prediction
from mezzotint.families import joint_configs
from mezzotint.families.configs import PREDICTION_TYPES
from mezzotint.families.family import DIFFUSERS_VERSION, AnyText, Family, Model, TextPart
from mezzotint.families.layouts import folder as layout
from mezzotint.families.layouts import unet_diffusers
from mezzotint.families.picture_configs import picture_configs, picture_index
from mezzotint.families.schedules import Shift
from mezzotint.families.t5_part import T5Part
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.text.vocabulary import END, START, Vocabulary

Json = Mapping[str, object]


def folder_configs(model: Model) -> dict[str, Json]:
    """Every JSON file of the folder but the vocabularies, by its name."""
    family = model.family
    configs: dict[str, Json] = {
        "model_index.json": model_index(family),
        f"{denoiser_folder(family)}config.json": denoiser_config(family),
        "vae/config.json": autoencoder_config(family),
        "scheduler/scheduler_config.json": scheduler_config(family, model.prediction),
    }
    for part in filter(family.present, family.texts):
        configs |= _text_files(part, _text_class(part, family))
    return configs | picture_configs(family)


def _text_files(part: AnyText, kind: str) -> dict[str, Json]:
    """The files of one text encoder, which diffusers opens as a `kind`, and of its tokenizer."""
    config, tokenizer = f"{layout.OURS[part.name]}config.json", tokenizer_folder(part)
    settings, special = f"{tokenizer}/tokenizer_config.json", f"{tokenizer}/special_tokens_map.json"
    if isinstance(part, T5Part):
        return {
            config: joint_configs.t5_config(part),
            settings: joint_configs.t5_tokenizer_config(part),
            special: joint_configs.t5_special_tokens(),
        }
    words = part.vocabulary()
    return {
        config: text_config(part, words, kind),
        settings: tokenizer_config(part, words),
        special: special_tokens(part, words),
    }


def denoiser_folder(family: Family) -> str:
    """The folder of the denoiser."""
    return layout.TRANSFORMER if isinstance(family.denoiser, MMDiTGeometry) else layout.UNET


def denoiser_config(family: Family) -> Json:
    """`unet/config.json`, or `transformer/config.json`."""
    if not isinstance(family.denoiser, MMDiTGeometry):
        return unet_config(family)
    side = family.defaults.width // family.latent.factor
    header = {"_class_name": "SD3Transformer2DModel", "_diffusers_version": DIFFUSERS_VERSION}
    return header | dict(joint_configs.transformer_config(family.denoiser, side))


def tokenizer_folder(part: AnyText) -> str:
    """Where the tokenizer of a text encoder lies: `tokenizer`, `tokenizer_2` ..."""
    return layout.OURS[part.name].removesuffix("/").replace("text_encoder", "tokenizer")


def written_layers(part: TextPart) -> int:
    """How many layers are written: where diffusers reads the last one, none beyond the one that is read."""
    return part.geometry.layers - (part.skip if part.normed else 0)


def model_index(family: Family) -> Json:
    """`model_index.json`: which class reads which folder."""
    nothing = [None, None]
    index: dict[str, object] = {
        "_class_name": family.diffusers.pipeline,
        "_diffusers_version": DIFFUSERS_VERSION,
        **family.diffusers.settings,
        "scheduler": ["diffusers", _scheduler_class(family)],
        "text_encoder": nothing,
        "tokenizer": nothing,
        denoiser_folder(family).removesuffix("/"): ["diffusers", denoiser_config(family)["_class_name"]],
        "vae": ["diffusers", "AutoencoderKL"],
        **picture_index(family),
    }
    for part in family.texts:
        text, tokenizer = layout.OURS[part.name].removesuffix("/"), tokenizer_folder(part)
        there = family.present(part)
        words = "T5TokenizerFast" if isinstance(part, T5Part) else "CLIPTokenizer"
        index[text] = ["transformers", _text_class(part, family)] if there else nothing
        index[tokenizer] = ["transformers", words] if there else nothing
    return index


def _scheduler_class(family: Family) -> str:
    return "FlowMatchEulerDiscreteScheduler" if isinstance(family.schedule, Shift) else "DDIMScheduler"


def _text_class(part: AnyText, family: Family) -> str:
    """The pooled text of an encoder that is projected is read where its tokens are read without the final norm."""
    if isinstance(part, T5Part):
        return "T5EncoderModel"
    if family.diffusers.projects:
        return "CLIPTextModelWithProjection"
    return "CLIPTextModel" if part.normed or not part.geometry.projection else "CLIPTextModelWithProjection"


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
        "transformer_layers_per_block": list(g.depths) if g.depth else g.blocks,
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(g.attention)],
        "use_linear_projection": g.linear_projection,
        **_inputs(g, family.diffusers.added),
    }


def _inputs(g: UNetGeometry, added: str) -> Json:
    """What a UNet takes besides latent, time and text, in diffusers' words."""
    given: dict[str, object] = {}
    if g.cross_only:
        given["only_cross_attention"] = list(g.cross_only)
    if g.classes:
        given["num_class_embeds"] = g.classes
    if g.added is not None:
        given["projection_class_embeddings_input_dim"] = g.added.width
        if added == unet_diffusers.CLASS_EMBEDDING:
            given["class_embed_type"] = "projection"
        else:
            given["addition_embed_type"] = "text_time"
            given["addition_time_embed_dim"] = g.added.waves
    return given


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
        "shift_factor": family.latent.shift or None,
        "up_block_types": ["UpDecoderBlock2D"] * len(g.channels),
        "use_post_quant_conv": g.quant,
        "use_quant_conv": g.quant,
    }


def text_config(part: TextPart, words: Vocabulary, kind: str) -> Json:
    """`text_encoder/config.json` of a `kind` of transformers."""
    g = part.geometry
    return {
        "architectures": [kind],
        "bos_token_id": words.vocab[START],
        "eos_token_id": words.vocab[END],
        "hidden_act": g.activation,
        "hidden_size": g.width,
        "intermediate_size": g.hidden,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": g.length,
        "model_type": "clip_text_model",
        "num_attention_heads": g.heads,
        "num_hidden_layers": written_layers(part),
        "pad_token_id": part.pad,
        "projection_dim": g.width if part.normed else part.pooled,
        "vocab_size": g.vocab,
    }


def scheduler_config(family: Family, prediction: Prediction) -> Json:
    """`scheduler/scheduler_config.json`: the noise schedule and what is predicted."""
    schedule = family.schedule
    if isinstance(schedule, Shift):
        return {
            "_class_name": _scheduler_class(family),
            "_diffusers_version": DIFFUSERS_VERSION,
            "num_train_timesteps": schedule.count,
            "shift": schedule.shift,
        }
    types = {ours: theirs for theirs, ours in PREDICTION_TYPES.items()}
    return {
        "_class_name": _scheduler_class(family),
        "_diffusers_version": DIFFUSERS_VERSION,
        "beta_end": schedule.last,
        "beta_schedule": "scaled_linear",
        "beta_start": schedule.first,
        "clip_sample": False,
        "num_train_timesteps": schedule.count,
        "prediction_type": types[prediction.name],
        "set_alpha_to_one": True,  # our plans end at sigma = 0; with this both programs draw the same picture
        "rescale_betas_zero_snr": schedule.floor is not None,
        "steps_offset": 1,
        "timestep_spacing": "leading" if schedule.floor is None else "trailing",
        "trained_betas": None,
    }


def tokenizer_config(part: TextPart, words: Vocabulary) -> Json:
    """`tokenizer/tokenizer_config.json`."""
    return {
        "add_prefix_space": False,
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": part.geometry.length,
        "tokenizer_class": "CLIPTokenizer",
        **special_tokens(part, words),
    }


def special_tokens(part: TextPart, words: Vocabulary) -> Json:
    """`tokenizer/special_tokens_map.json`."""
    pad = next(token for token, number in words.vocab.items() if number == part.pad)
    return {"bos_token": START, "eos_token": END, "pad_token": pad, "unk_token": END}
