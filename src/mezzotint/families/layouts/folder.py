"""A diffusers folder: the prefixes of its parts. Tensor names are `<part folder>/<name>`."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from mezzotint.families.layouts import (
    augmentor,
    autoencoder_diffusers,
    clip_hf,
    depth_hf,
    single_file,
    unet_diffusers,
    vision_hf,
)
from mezzotint.weights.layout import Layout, joined

UNET, TRANSFORMER = "unet/", "transformer/"
AUTOENCODER = "vae/"
TEXT, TEXT_2, TEXT_3 = "text_encoder/", "text_encoder_2/", "text_encoder_3/"

OURS: Mapping[str, str] = MappingProxyType(
    {"text": TEXT, "text_l": TEXT, "text_g": TEXT_2, "clip_l": TEXT, "clip_g": TEXT_2, "t5": TEXT_3}
)
"""The folder of each of our text encoders."""

DEPTH, IMAGE, AUGMENTOR = "depth_estimator/", "image_encoder/", augmentor.FOLDER
PICTURES: Mapping[str, tuple[Layout, str]] = MappingProxyType(
    {
        DEPTH: (depth_hf.LAYOUT, single_file.DEPTH),
        IMAGE: (vision_hf.LAYOUT, single_file.IMAGE),
        AUGMENTOR: (augmentor.DIFFUSERS, single_file.AUGMENTOR),
    }
)
"""Where what looks at a picture before the UNet does lies: how the names below are spelt, and which of ours it is."""

UNUSED = ("safety_checker/**",)
"""Parts of published folders that are no part of drawing; their files are not opened."""


def layout(texts: Mapping[str, str], added: str = unet_diffusers.ADD_EMBEDDING) -> Layout:
    """The table for a folder whose text encoders `texts` maps to ours (`text_encoder/` to `text`); `added` is what
    the added embedding of the UNet is written as."""
    return joined(
        unet_diffusers.layout(added).under(UNET, "unet."),
        autoencoder_diffusers.LAYOUT.under(AUTOENCODER, "autoencoder."),
        *(clip_hf.LAYOUT.under(theirs, f"{ours}.") for theirs, ours in texts.items()),
        *(table.under(theirs, f"{ours}.") for theirs, (table, ours) in PICTURES.items()),
        Layout((), UNUSED),
    )


def pictures_in(unet: Iterable[str]) -> tuple[str, ...]:
    """The folders of what looks at a picture for a UNet with these names. An image encoder belongs to a UNet that its
    vectors are projected for; beside others lies one for an IP-Adapter."""
    vectors = f"{unet_diffusers.CLASS_EMBEDDING}linear_1.weight" in unet
    return tuple(folder for folder in PICTURES if vectors or folder == DEPTH)


LAYOUT = layout({TEXT: "text"})
"""The folders of SD 1 and 2."""


def texts_in(names: Iterable[str]) -> dict[str, str]:
    """Which text encoders of ours these names of a folder speak of, by their folder.

    Two are those of SDXL. One beside a UNet with SDXL's added embedding is bigG when it has a projection, of the
    refiner, whichever folder it lies in; otherwise its other half is missing. Beside a transformer they are SD 3's.
    """
    listed = frozenset(names)
    if any(name.startswith(TRANSFORMER) for name in listed):
        joint = {TEXT: "clip_l", TEXT_2: "clip_g", TEXT_3: "t5"}
        return {text: ours for text, ours in joint.items() if any(n.startswith(text) for n in listed)}
    folders = [text for text in (TEXT, TEXT_2) if any(name.startswith(text) for name in listed)]
    if len(folders) == 2:
        return {TEXT: "text_l", TEXT_2: "text_g"}
    if f"{UNET}{unet_diffusers.ADD_EMBEDDING}linear_1.weight" not in listed:
        return dict.fromkeys(folders, "text")
    big = any(f"{text}text_projection.weight" in listed for text in folders)
    return dict.fromkeys(folders, "text_g" if big else "text_l")
