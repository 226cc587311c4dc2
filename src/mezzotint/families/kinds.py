"""What kind of thing a set of weights is, told by the names in it: a whole model, a LoRA, an autoencoder ...

Takes names. Gives words for people, and what to do with a file of that kind. Data and one loop over it.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

MODEL = "a model"
UNKNOWN = "something unknown"
LORA, INVERSION, IMAGE_PROMPT = "a LoRA", "a textual inversion", "an IP-Adapter"
CONTROLNET, ADAPTER = "a ControlNet", "a T2I-Adapter"
HYPERNETWORK = "a hypernetwork"

ADD_ONS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        # A1111 files the layers under the widths that they belong to: 320.0.linear.0.weight.
        HYPERNETWORK: re.compile(r"(?:320|640|768|1024|1280)\.[01]\.linear"),
        # Before LoRAs, because the FaceID kind holds one.
        IMAGE_PROMPT: re.compile(r"(?:ip_adapter|image_proj)\."),
        LORA: re.compile(
            r".*(?:\blora_(?:up|down|A|B)\b|_lora\.|\.lora\.|^(?:unet|text_encoder):\d+:|^lora_(?:unet|te\d?)_"
            r"|\.(?:hada_w1_a|lokr_w[12](?:_a)?|oft_blocks|oft_diag|on_input|ia3_l)\b)"
        ),
        CONTROLNET: re.compile(
            r"(?:control_model|controlnet_cond_embedding|input_hint_block|pos_embed_input)\."
        ),
        ADAPTER: re.compile(r"(?:body\.\d+\.(?:block[12]|in_conv|body)\.|adapter\.)"),
        "an upscaler of pictures": re.compile(
            r"(?:(?:body|RRDB_trunk)\.\d+\.(?:rdb|RDB)1\.|model\.1\.sub\.\d+\.|layers\.\d+\.residual_group\.)"
        ),
        "a vision tower": re.compile(r"(?:vision_model\.|visual\.|embeddings\.patch_embedding\.)"),
        "a tiny autoencoder": re.compile(r"(?:decoder\.layers\.\d+\.(?:conv|weight)|\d+\.conv\.\d+\.)"),
        "a depth network": re.compile(r"dpt\."),
        INVERSION: re.compile(r"(?:emb_params|string_to_param|clip_[lg]$|<[^>]+>$)"),
    }
)
"""One name of these settles the kind."""

PARTS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "a UNet": re.compile(
            r"(?:model\.diffusion_model\.(?:input|middle|output)_blocks?\.|unet/"
            r"|(?:down_blocks|input_blocks)\.0\.)"
        ),
        "a transformer": re.compile(
            r"(?:model\.diffusion_model\.joint_blocks\.|transformer/|(?:joint_blocks|transformer_blocks)\.0\.)"
        ),
        "an autoencoder": re.compile(r"(?:first_stage_model\.|vae/|(?:encoder|decoder)\.conv_in\.)"),
        "a text encoder": re.compile(
            r"(?:cond_stage_model\.|conditioner\.embedders\.|text_encoders\.|text_encoder(?:_[23])?/"
            r"|text_model\.|embeddings\.|encoder\.block\.)"
        ),
    }
)
"""A whole model has a denoiser (one of the first two), an autoencoder and a text encoder."""

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        MODEL: "--model",
        LORA: "--lora",
        INVERSION: "--embedding",
        CONTROLNET: "--control",
        ADAPTER: "--control",
        IMAGE_PROMPT: "--image-prompt",
        "an autoencoder alone": "--autoencoder",
        "a text encoder alone": "--text-encoder",
    }
)
"""What takes a file of this kind."""
HINTS: Mapping[str, str] = MappingProxyType(
    {
        HYPERNETWORK: "use a LoRA or a textual inversion",
        "a transformer and an autoencoder alone": "give its text encoders, too: --text-encoder clip_l.safetensors "
        "--text-encoder clip_g.safetensors, and t5xxl_fp16.safetensors if there is room for it",
    }
)
WHOLE = "give a whole model: a checkpoint file with UNet, autoencoder and text encoder, or a diffusers folder"


def kind_of(names: Iterable[str]) -> str:
    """MODEL, UNKNOWN, or what it is in words with its article ("a LoRA", "an autoencoder alone")."""
    listed = list(names)
    for kind, sign in ADD_ONS.items():
        if any(sign.match(name) for name in listed):
            return kind
    parts = parts_in(listed)
    if len(parts) == len(PARTS) - 1 and not {"an autoencoder", "a text encoder"}.difference(parts):
        return MODEL
    return f"{' and '.join(parts)} alone" if parts else UNKNOWN


def parts_in(names: Iterable[str]) -> list[str]:
    """Which of PARTS these names speak of."""
    listed = list(names)
    return [part for part, sign in PARTS.items() if any(sign.match(name) for name in listed)]


def absent_in(names: Iterable[str]) -> tuple[str, ...]:
    """What a file with some part of a model lacks of a whole one; nothing for a file with none."""
    present = set(parts_in(names))
    lacks = {"an autoencoder", "a text encoder"} - present
    denoiser = present - {"an autoencoder", "a text encoder"}
    return tuple(sorted(lacks | (set() if denoiser else {"a denoiser"}))) if present else ()


def hint_for(kind: str, otherwise: str = WHOLE) -> str:
    """What to do with a file of this kind where another was wanted; `otherwise` when nothing takes it."""
    flag = FLAGS.get(kind)
    return f"give it with {flag}" if flag else HINTS.get(kind, otherwise)
