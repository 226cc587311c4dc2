"""A whole latent-diffusion or sgm checkpoint: the prefixes of its parts, and what is left out of it on purpose."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from mezzotint.families.layouts import (
    augmentor,
    autoencoder_ldm,
    clip_hf,
    clip_open,
    depth_timm,
    unet_ldm,
    vision_open,
)
from mezzotint.families.layouts.schedule import SCHEDULE
from mezzotint.weights.layout import Layout, joined

UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
CLIP_HF = "cond_stage_model.transformer."
CLIP_OPEN = "cond_stage_model.model."
SGM_L = "conditioner.embedders.0.transformer."
SGM_G = "conditioner.embedders.1.model."
SGM_G_ALONE = "conditioner.embedders.0.model."

TEXTS: Mapping[str, tuple[Layout, str]] = MappingProxyType(
    {
        CLIP_HF: (clip_hf.LAYOUT, "text"),
        CLIP_OPEN: (clip_open.LAYOUT, "text"),
        SGM_L: (clip_hf.LAYOUT, "text_l"),
        SGM_G: (clip_open.LAYOUT, "text_g"),
        SGM_G_ALONE: (clip_open.LAYOUT, "text_g"),
    }
)
"""Where text encoders lie: their prefix, how the names below it are spelt, and which of ours it is. SD 1, SD 2, the
two of SDXL, and the one of its refiner."""

V_PREDICTION = "v_pred"
"""A marker without content: the network was taught to predict velocity."""

ZERO_SNR = "ztsnr"
"""A marker without content: the network was trained up to pure noise."""

SCHEDULES = (
    *SCHEDULE,
    *(f"low_scale_model.{name}" for name in SCHEDULE),
)
SIGMAS = ("denoiser.sigmas",)
"""The same in sgm."""

AVERAGED = ("model_ema.**",)
"""A second copy of the UNet, averaged over training, beside the one that is used."""


DEPTH, IMAGE, AUGMENTOR = "depth", "image", "augmentor"
PICTURES = joined(
    depth_timm.LAYOUT.under("", f"{DEPTH}."),
    vision_open.LAYOUT.under(vision_open.UNCLIP, f"{IMAGE}."),
    augmentor.LDM.under("", f"{AUGMENTOR}."),
)
"""What looks at a picture before a UNet does: the depth of SD 2 depth, the image encoder of unCLIP and the statistics
of its answers."""

TEXT_HALF = Layout((), vision_open.TEXT_HALF).under(vision_open.UNCLIP, "")
"""The text half of unCLIP's image encoder, which nothing reads: single files keep it, folders have no place for it."""


def texts_in(names: Iterable[str]) -> tuple[str, ...]:
    """The prefixes in TEXTS of the text encoders that these names speak of."""
    listed = list(names)
    return tuple(prefix for prefix in TEXTS if any(name.startswith(prefix) for name in listed))


def layout(layers: int, attention: tuple[bool, ...], levels: int, texts: Iterable[str]) -> Layout:
    """The table for a file with this UNet, an autoencoder of `levels`, and text encoders at `texts` in TEXTS."""
    return joined(
        unet_ldm.layout(layers, attention).under(UNET, "unet."),
        autoencoder_ldm.layout(levels).under(AUTOENCODER, "autoencoder."),
        *(TEXTS[prefix][0].under(prefix, f"{TEXTS[prefix][1]}.") for prefix in texts),
        PICTURES,
        Layout((), (*SCHEDULES, *SIGMAS, *AVERAGED, V_PREDICTION, ZERO_SNR)),
    )
