"""What the JSON files of a diffusers folder say that shapes do not: heads, groups, activation, schedule, scale.

Takes a family and a checkpoint. Gives the values with the family's own where a file is silent, and refuses settings
that would change the picture and that these networks do not have. Knows no tensors.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from mezzotint.families.checkpoint import Checkpoint
from mezzotint.families.family import Betas, Family
from mezzotint.nets.clip import ACTIVATIONS
from mezzotint.values.errors import BadModelFile, shorten

UNET, AUTOENCODER, TEXT = "unet/config.json", "vae/config.json", "text_encoder/config.json"
SCHEDULER = "scheduler/scheduler_config.json"
SPECIAL, TOKENIZER = "tokenizer/special_tokens_map.json", "tokenizer/tokenizer_config.json"

FIXED: Mapping[str, Mapping[str, tuple[object, ...]]] = MappingProxyType(
    {
        UNET: {
            "act_fn": ("silu",),
            "center_input_sample": (False,),
            "downsample_padding": (1,),
            "dual_cross_attention": (False,),
            "flip_sin_to_cos": (True,),
            "freq_shift": (0,),
            "mid_block_scale_factor": (1,),
            "norm_eps": (1e-5,),
            "only_cross_attention": (False,),
            "resnet_time_scale_shift": ("default",),
            "time_embedding_type": ("positional",),
        },
        AUTOENCODER: {"act_fn": ("silu",), "shift_factor": (None, 0)},
        TEXT: {"layer_norm_eps": (1e-5,)},
        SCHEDULER: {
            "beta_schedule": ("scaled_linear",),
            "rescale_betas_zero_snr": (False, None),
            "trained_betas": (None,),
        },
    }
)
"""Settings that change the result, and the only values that our networks and paths compute with."""

PREDICTION_TYPES = MappingProxyType({"epsilon": "noise", "v_prediction": "velocity"})


def check_fixed(checkpoint: Checkpoint) -> None:
    """Raises BadModelFile for a setting that is not what this program computes with."""
    for file, settings in FIXED.items():
        config = checkpoint.config(file)
        for name, allowed in settings.items():
            if name in config and config[name] not in allowed:
                raise BadModelFile(
                    checkpoint.path / file,
                    f"{name} is {shorten(config[name], 30)}, which is not supported",
                    hint="use a Stable Diffusion 1 or 2 model",
                )


def unet_heads(family: Family, checkpoint: Checkpoint, channels: tuple[int, ...]) -> tuple[int, ...]:
    """Heads per level. diffusers calls their number `attention_head_dim`: one for all levels, or one per level."""
    config = checkpoint.config(UNET)
    given = config.get("num_attention_heads") or config.get("attention_head_dim")
    if given is None:
        if family.head_width is None:
            return (family.unet.heads[0],) * len(channels)
        return tuple(max(1, width // family.head_width) for width in channels)
    values = cast("list[object]", given) if isinstance(given, list) else [given] * len(channels)
    heads = tuple(value for value in values if type(value) is int and value > 0)
    if len(heads) != len(channels) or len(values) != len(channels):
        raise BadModelFile(
            checkpoint.path / UNET, f"has no usable attention heads for {len(channels)} levels"
        )
    return heads


def text_heads(family: Family, checkpoint: Checkpoint, width: int) -> int:
    """Heads of the text encoder; without a configuration they are as wide as the family's."""
    own = max(1, width * family.text.heads // family.text.width)
    return whole(checkpoint, TEXT, "num_attention_heads", own)


def activation(family: Family, checkpoint: Checkpoint) -> str:
    """The activation of the text encoder, a name in ACTIVATIONS."""
    name = str(checkpoint.config(TEXT).get("hidden_act", family.text.activation))
    if name not in ACTIVATIONS:
        raise BadModelFile(
            checkpoint.path / TEXT, f"hidden_act is {shorten(name, 30)}, which is not supported"
        )
    return name


def betas(family: Family, checkpoint: Checkpoint) -> Betas:
    """The noise schedule."""
    first = number(checkpoint, SCHEDULER, "beta_start", family.betas.first)
    last = number(checkpoint, SCHEDULER, "beta_end", family.betas.last)
    if not 0 < first <= last < 1:
        raise BadModelFile(checkpoint.path / SCHEDULER, "has an impossible noise schedule")
    return Betas(first, last, whole(checkpoint, SCHEDULER, "num_train_timesteps", family.betas.count))


def latent_scale(family: Family, checkpoint: Checkpoint) -> float:
    """The factor that gives latents unit variance."""
    return number(checkpoint, AUTOENCODER, "scaling_factor", family.latent.scale)


def side(checkpoint: Checkpoint, family: Family) -> int | None:
    """The width and height in pixels that the model was trained for, where the folder says it."""
    if "sample_size" not in checkpoint.config(UNET):
        return None
    return family.latent.factor * whole(checkpoint, UNET, "sample_size", 1, most=1024)


def whole(checkpoint: Checkpoint, file: str, name: str, default: int, most: int = 100_000) -> int:
    """The whole number `name` of a file, at least 1. Raises BadModelFile for anything else."""
    value = checkpoint.config(file).get(name, default)
    if type(value) is not int or not 1 <= value <= most:
        raise BadModelFile(checkpoint.path / file, f"{name} is {shorten(value, 30)}, not a usable number")
    return value


def number(checkpoint: Checkpoint, file: str, name: str, default: float) -> float:
    """The positive number `name` of a file. Raises BadModelFile for anything else."""
    value = checkpoint.config(file).get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e6:
        raise BadModelFile(checkpoint.path / file, f"{name} is {shorten(value, 30)}, not a usable number")
    return float(value)
