"""A diffusers folder: the prefixes of its parts. Tensor names are `<part folder>/<name>`."""

from mezzotint.families.layouts import autoencoder_diffusers, clip_hf, unet_diffusers
from mezzotint.weights.layout import Layout, joined

UNET = "unet/"
AUTOENCODER = "vae/"
TEXT = "text_encoder/"

UNUSED = ("safety_checker/**",)
"""Parts of published folders that are no part of drawing; their files are not opened."""

LAYOUT = joined(
    unet_diffusers.LAYOUT.under(UNET, "unet."),
    autoencoder_diffusers.LAYOUT.under(AUTOENCODER, "autoencoder."),
    clip_hf.LAYOUT.under(TEXT, "text."),
    Layout((), UNUSED),
)
