"""A whole latent-diffusion checkpoint: the prefixes of its parts, and what is left out of it on purpose."""

from mezzotint.families.layouts import autoencoder_ldm, clip_hf, clip_open, unet_ldm
from mezzotint.weights.layout import Layout, joined

UNET = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
CLIP_HF = "cond_stage_model.transformer."
CLIP_OPEN = "cond_stage_model.model."

V_PREDICTION = "v_pred"
"""A marker without content: the network was taught to predict velocity."""

SCHEDULE = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "lvlb_weights",
    "logvar",
)
"""Buffers of the training code; the family knows the schedule."""

AVERAGED = ("model_ema.**",)
"""A second copy of the UNet, averaged over training, beside the one that is used."""


def layout(layers: int, attention: tuple[bool, ...], levels: int, open_clip: bool) -> Layout:
    """The table for a file with this UNet, an autoencoder of `levels` and a text encoder of either spelling."""
    text = clip_open.LAYOUT.under(CLIP_OPEN, "text.") if open_clip else clip_hf.LAYOUT.under(CLIP_HF, "text.")
    return joined(
        unet_ldm.layout(layers, attention).under(UNET, "unet."),
        autoencoder_ldm.layout(levels).under(AUTOENCODER, "autoencoder."),
        text,
        Layout((), (*SCHEDULE, *AVERAGED, V_PREDICTION)),
    )
