"""What the JSON files of a diffusers folder say that shapes do not: heads, groups, activation, schedule, scale.

Takes a family and a checkpoint. Gives the values with the family's own where a file is silent, and refuses settings
that would change the picture and that these networks do not have. Knows no tensors.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

from mezzotint.families.checkpoint import Checkpoint
from mezzotint.families.family import Family, Latent, TextPart
from mezzotint.families.schedules import Betas, Shift
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ACTIVATIONS
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.values.errors import BadModelFile, shorten

TRANSFORMER = "transformer/config.json"
UNET, AUTOENCODER = "unet/config.json", "vae/config.json"
TEXT, TEXT_2 = "text_encoder/config.json", "text_encoder_2/config.json"
TEXT_3 = "text_encoder_3/config.json"
SCHEDULER = "scheduler/scheduler_config.json"
LOW_RES = "low_res_scheduler/scheduler_config.json"
DEPTH, IMAGE = "depth_estimator/config.json", "image_encoder/config.json"
IMAGE_NOISE = "image_noising_scheduler/scheduler_config.json"

DEPTH_SETTINGS: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {"backbone_out_indices": ([0, 1, 8, 11],), "hidden_act": ("gelu",), "is_hybrid": (True,)}
)
VISION_SETTINGS: Mapping[str, tuple[object, ...]] = MappingProxyType({"layer_norm_eps": (1e-5,)})
SIGLIP_SETTINGS: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {"hidden_act": ("gelu_pytorch_tanh",), "layer_norm_eps": (1e-6,)}
)
"""The same as FIXED, of networks that also stand alone."""

FIXED: Mapping[str, Mapping[str, tuple[object, ...]]] = MappingProxyType(
    {
        UNET: {
            "act_fn": ("silu",),
            "addition_embed_type": (None, "text_time"),
            "center_input_sample": (False,),
            "class_embed_type": (None, "projection"),
            "class_embeddings_concat": (False,),
            "conv_in_kernel": (3,),
            "conv_out_kernel": (3,),
            "cross_attention_norm": (None,),
            "downsample_padding": (1,),
            "dual_cross_attention": (False,),
            "encoder_hid_dim_type": (None,),
            "flip_sin_to_cos": (True,),
            "freq_shift": (0,),
            "mid_block_scale_factor": (1,),
            "norm_eps": (1e-5,),
            "resnet_out_scale_factor": (1, None),
            "resnet_skip_time_act": (False,),
            "resnet_time_scale_shift": ("default",),
            "time_embedding_act_fn": (None,),
            "time_embedding_type": ("positional",),
        },
        AUTOENCODER: {"act_fn": ("silu",)},
        TEXT: {"layer_norm_eps": (1e-5,)},
        TEXT_2: {"layer_norm_eps": (1e-5,)},
        TEXT_3: {
            "feed_forward_proj": ("gated-gelu",),
            "layer_norm_epsilon": (1e-6,),
            "relative_attention_max_distance": (128,),
        },
        TRANSFORMER: {"qk_norm": (None, "rms_norm")},
        SCHEDULER: {
            "beta_schedule": ("scaled_linear",),
            "trained_betas": (None,),
            "use_dynamic_shifting": (False, None),
        },
        DEPTH: DEPTH_SETTINGS,
        IMAGE: VISION_SETTINGS,
        IMAGE_NOISE: {
            "beta_schedule": ("squaredcos_cap_v2",),
            "num_train_timesteps": (1000,),
            "trained_betas": (None,),
        },
        LOW_RES: {
            "beta_end": (0.02,),
            "beta_schedule": ("scaled_linear",),
            "beta_start": (0.0001,),
            "num_train_timesteps": (1000,),
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
                    hint="use a Stable Diffusion model as it was published",
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


def transformer_heads(family: Family, checkpoint: Checkpoint, width: int) -> int:
    """Heads of the transformer; without a configuration they are as wide as the family's."""
    known = family.denoiser
    own = width * known.heads // known.width if isinstance(known, MMDiTGeometry) else 1
    return whole(checkpoint, TRANSFORMER, "num_attention_heads", max(1, own))


def text_heads(part: TextPart, checkpoint: Checkpoint, file: str, width: int) -> int:
    """Heads of a text encoder, whose configuration is `file`; without one they are as wide as the family's."""
    own = max(1, width * part.geometry.heads // part.geometry.width)
    return whole(checkpoint, file, "num_attention_heads", own)


def activation(part: TextPart, checkpoint: Checkpoint, file: str) -> str:
    """The activation of a text encoder, a name in ACTIVATIONS."""
    return hidden_act(checkpoint, file) or part.geometry.activation


def hidden_act(checkpoint: Checkpoint, file: str) -> str | None:
    """The activation that `file` names, if it names one. Raises BadModelFile for one that is not in ACTIVATIONS."""
    name = checkpoint.config(file).get("hidden_act")
    if name is None:
        return None
    if name not in ACTIVATIONS:
        raise BadModelFile(
            checkpoint.path / file, f"hidden_act is {shorten(name, 30)}, which is not supported"
        )
    return str(name)


def schedule(family: Family, checkpoint: Checkpoint) -> Betas | Shift:
    """The noise schedule."""
    known = family.schedule
    count = whole(checkpoint, SCHEDULER, "num_train_timesteps", known.count)
    if isinstance(known, Shift):
        return Shift(number(checkpoint, SCHEDULER, "shift", known.shift), count)
    first = number(checkpoint, SCHEDULER, "beta_start", known.first)
    last = number(checkpoint, SCHEDULER, "beta_end", known.last)
    if not 0 < first <= last < 1:
        raise BadModelFile(checkpoint.path / SCHEDULER, "has an impossible noise schedule")
    return Betas(first, last, count)


def latent(family: Family, checkpoint: Checkpoint, geometry: AutoencoderGeometry) -> Latent:
    """The latents of an autoencoder: their sizes, and what gives them a mean of zero and unit variance."""
    scale = number(checkpoint, AUTOENCODER, "scaling_factor", family.latent.scale)
    given = checkpoint.config(AUTOENCODER).get("shift_factor")
    if given is None:
        return Latent(geometry.latent, geometry.factor, scale, family.latent.shift)
    if not isinstance(given, int | float) or isinstance(given, bool) or not abs(given) < 1e6:
        raise BadModelFile(
            checkpoint.path / AUTOENCODER, f"shift_factor is {shorten(given, 30)}, not a usable number"
        )
    return Latent(geometry.latent, geometry.factor, scale, float(given))


def side(checkpoint: Checkpoint, family: Family) -> int | None:
    """The width and height in pixels that the model was trained for, where the folder says it."""
    for file in (UNET, TRANSFORMER):
        if "sample_size" in checkpoint.config(file):
            return family.latent.factor * whole(checkpoint, file, "sample_size", 1, most=1024)
    return None


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
