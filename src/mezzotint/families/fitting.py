"""Which families an add-on is made for, told by the widths of its tensors.

Takes a kind in words and a source whose header is read. Gives names of families, none where widths do not tell, and
what told them. Reads no weights. Knows no metadata: people write there what they like.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from mezzotint.families.family import Family
from mezzotint.families.joint_controls import is_joint
from mezzotint.families.layouts import ip_adapter
from mezzotint.families.signs import FILED
from mezzotint.nets.unet import UNetGeometry
from mezzotint.weights.source import TensorSource

Fits = tuple[tuple[str, ...], str]
"""Names of families, and what told them."""
NOTHING: Fits = ((), "")

_TEXT = re.compile(r"(?:lora_te|text_encoder|te\d?_|lycoris_te)")
_JOINT = re.compile(
    r"joint_blocks|transformer\.transformer_blocks|transformer_transformer_blocks|add_[kqv]_proj"
)
_INPUT = re.compile(r"[.:](?:lora_down|lora_A|lora\.down|hada_w1_b|down)(?:\.weight|\.default\.weight)?$")
_READS_TEXT = re.compile(r"attn2[._]to_[kv](?:\.weight)?$")


def _joint(family: Family) -> bool:
    return not isinstance(family.denoiser, UNetGeometry)


def _with_context(width: int) -> tuple[str, ...]:
    """The first family, the plain one, whose denoiser reads text of this width."""
    found = next((f.name for f in FILED if not _joint(f) and f.unet.context == width), None)
    return (found,) if found else ()


def _with_latent(channels: int) -> tuple[str, ...]:
    """The plain families with latents of so many channels: those that draw from a text alone."""
    return tuple(f.name for f in FILED if f.latent.channels == channels and not f.needs)


JOINT = tuple(family.name for family in FILED if _joint(family))
"""Families with a transformer that text and picture pass through together."""


def _by_text(widths: Iterable[int]) -> Fits:
    for width in sorted(set(widths), reverse=True):
        if found := _with_context(width):
            return found, f"it reads text of width {width}"
    return NOTHING


def _lora(source: TensorSource) -> Fits:
    if any(_JOINT.search(name) for name in source):
        return JOINT, "the names of a transformer's blocks"
    inputs = [
        (name[: found.start()], info.shape[1])
        for name, info in source.items()
        if (found := _INPUT.search(name)) and len(info.shape) > 1
    ]
    unet = [(name, width) for name, width in inputs if not _TEXT.match(name)]
    named = [width for name, width in unet if _READS_TEXT.search(name)]
    # Numbered layers (cloneofsimo's) have no such names; no other layer is as wide as a text of SD 1, 2 or XL.
    numbered = [width for name, width in unet if name.startswith("unet:") and width in (768, 1024, 2048)]
    if named or numbered:
        return _by_text(named or numbered)
    if any(name.startswith(("lora_te2", "text_encoder_2.")) for name in source):
        return _with_context(2048), "it changes a second text encoder"
    return _by_text(width for name, width in inputs if _TEXT.match(name) and width in (768, 1024))


def _reads_text(source: TensorSource) -> Fits:
    return _by_text(
        info.shape[1]
        for name, info in source.items()
        if len(info.shape) == 2 and (_READS_TEXT.search(name) or name.endswith("to_k_ip.weight"))
    )


def _image_prompt(source: TensorSource) -> Fits:
    if ip_adapter.TIME not in source:
        return _reads_text(source)
    maps = (info.shape for name, info in source.items() if name.endswith("to_k_ip.weight"))
    width = next((shape[1] for shape in maps if len(shape) == 2), 0)
    fitting = (
        f.name for f in FILED if not isinstance(f.denoiser, UNetGeometry) and f.denoiser.width == width
    )
    return tuple(fitting), f"it is made for a transformer of width {width}"


def _controlnet(source: TensorSource) -> Fits:
    if is_joint(source):
        return JOINT, "the names of a transformer's blocks"
    return _reads_text(source)


def _t2i(source: TensorSource) -> Fits:
    name = next((n for n in source if n.endswith(("conv_in.weight", "body.0.in_conv.weight"))), None)
    if name is None or len(source[name].shape) != 4:
        return NOTHING
    values = source[name].shape[1]
    large = values % 256 == 0
    return _with_context(
        2048 if large else 768
    ), f"it takes {values} values for each place of its first layer"


def _latents(source: TensorSource) -> Fits:
    """Of autoencoders, tiny ones too: a convolution from, or to, as many channels as a latent has."""
    wanted = {family.latent.channels for family in FILED}
    for name, info in source.items():
        inner = len(info.shape) == 4 and not name.endswith(("quant_conv.weight", "post_quant_conv.weight"))
        if inner and info.shape[1] in wanted:
            return _with_latent(info.shape[1]), f"its latents have {info.shape[1]} channels"
    for info in source.values():
        if len(info.shape) == 4 and info.shape[0] in wanted:
            return _with_latent(info.shape[0]), f"its latents have {info.shape[0]} channels"
    return NOTHING


def _inversion(source: TensorSource) -> Fits:
    names = set(source)
    if "t5xxl" in names:
        return JOINT, "it has vectors for T5"
    if {"clip_l", "clip_g"} & names:
        return _with_context(2048), "it has vectors for the text encoders of SDXL"
    return _by_text(info.shape[-1] for info in source.values() if info.shape)


KINDS: Mapping[str, Callable[[TensorSource], Fits]] = MappingProxyType(
    {
        "a LoRA": _lora,
        "a ControlNet": _controlnet,
        "an IP-Adapter": _image_prompt,
        "a T2I-Adapter": _t2i,
        "an autoencoder alone": _latents,
        "a tiny autoencoder": _latents,
        "a textual inversion": _inversion,
        "a UNet alone": _reads_text,
    }
)
"""How the families are told for each kind of `kinds`."""


def fits(kind: str, source: TensorSource) -> Fits:
    """The families that an add-on of this kind is made for."""
    return KINDS[kind](source) if kind in KINDS else NOTHING
