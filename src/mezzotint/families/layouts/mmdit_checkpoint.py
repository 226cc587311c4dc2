"""A whole Stable Diffusion 3 checkpoint, its separate text encoder files, and the prefixes of its parts.

Knows single files and folders. Any of the three text encoders may be absent. Our parts are "mmdit.", "autoencoder.",
"clip_l.", "clip_g." and "t5.".
"""

from mezzotint.families.layouts import (
    autoencoder_diffusers,
    autoencoder_ldm,
    clip_hf,
    mmdit_diffusers,
    mmdit_original,
)
from mezzotint.families.layouts import t5_hf as t5
from mezzotint.weights.layout import Layout, joined

MMDIT = "model.diffusion_model."
AUTOENCODER = "first_stage_model."
LEVELS = 4
"""Resolutions of the autoencoder, which has no quant convolutions."""

SCALE = "logit_scale"
"""A number of CLIP's training that drawing has no use for."""
CLIP = joined(clip_hf.LAYOUT, Layout((), (SCALE,)))
"""A separate file of either CLIP encoder; that of CLIP-L has a projection only in some copies."""
T5 = t5.FILE

SINGLE_FILE = joined(
    mmdit_original.LAYOUT.under(MMDIT, "mmdit."),
    autoencoder_ldm.layout(LEVELS).under(AUTOENCODER, "autoencoder."),
    clip_hf.LAYOUT.under("text_encoders.clip_l.transformer.", "clip_l."),
    clip_hf.LAYOUT.under("text_encoders.clip_g.transformer.", "clip_g."),
    t5.FILE.under("text_encoders.t5xxl.transformer.", "t5."),
    Layout((), (f"text_encoders.clip_l.{SCALE}", f"text_encoders.clip_g.{SCALE}")),
)


def folder(layers: int) -> Layout:
    """The table of a diffusers folder whose transformer has `layers` blocks. Names are `<part folder>/<name>`."""
    return joined(
        mmdit_diffusers.layout(layers).under("transformer/", "mmdit."),
        autoencoder_diffusers.LAYOUT.under("vae/", "autoencoder."),
        clip_hf.LAYOUT.under("text_encoder/", "clip_l."),
        clip_hf.LAYOUT.under("text_encoder_2/", "clip_g."),
        t5.FOLDER.under("text_encoder_3/", "t5."),
    )
