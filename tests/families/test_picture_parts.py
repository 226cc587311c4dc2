"""The complete tables of the networks that look at pictures: every key is taken or left out on purpose, and fits."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from families.published import tensors
from mezzotint.families.assemble import check_fit
from mezzotint.families.layouts import (
    checker_hf,
    depth_timm,
    ip_adapter,
    siglip_hf,
    tiny_numbered,
    vision_hf,
    vision_open,
)
from mezzotint.nets.checker import CheckerGeometry, SafetyChecker
from mezzotint.nets.depth import DepthGeometry, DepthNet
from mezzotint.nets.image_prompt import ImagePrompt, VectorProjection, text_sites
from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.mmdit import SD35_LARGE
from mezzotint.nets.resampler import ResamplerGeometry
from mezzotint.nets.siglip import SO400M_14_384, Siglip
from mezzotint.nets.tiny import TinyAutoencoder, TinyGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.nets.vision import VIT_BIG_G_14, VIT_H_14, VIT_L_14, ClipVision
from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout
from nets.test_image_prompt import SD1, SDXL

TAESD, TAESD3 = TinyGeometry(), TinyGeometry(latent=16)
CHECKER = checker_hf.LAYOUT.under(checker_hf.PREFIX, "")
IP_SD1, IP_SDXL = (ip_adapter.layout(ip_adapter.VECTOR, sites) for sites in (16, 70))
IP_SD3, IP_SD3_DIFFUSERS = map(ip_adapter.joint, (ip_adapter.TIMED, ip_adapter.TIMED_DIFFUSERS))
UNCLIP = vision_open.LAYOUT.under(vision_open.UNCLIP, "")


def half(geometry: TinyGeometry, without: str) -> nn.Module:
    """The tiny autoencoder without its encoder or its decoder."""
    network = TinyAutoencoder(geometry)
    setattr(network, without, nn.Identity())
    return network


def prompt(geometry: UNetGeometry, vector: int) -> nn.Module:
    """The plain IP-Adapter of this UNet."""
    return ImagePrompt(VectorProjection(vector, geometry.context), geometry.context, text_sites(geometry))


def joint_prompt() -> nn.Module:
    """The IP-Adapter of SD 3.5 large."""
    sizes = ResamplerGeometry(SO400M_14_384.width, SD35_LARGE.width, 1280, 20, tokens=64)
    return JointPrompt(sizes, 320, SD35_LARGE)


Case = tuple[str, str, Layout, Callable[[], nn.Module], int, int]
"""Kind, prefix of the part in it, its table, our network, keys taken and keys left out."""

CASES: dict[str, Case] = {
    "vision l": ("diffusers_image_encoder_clip_vision_l", "", vision_hf.LAYOUT, lambda: ClipVision(VIT_L_14), 392, 1),
    "vision h": ("diffusers_image_encoder_clip_vision_h", "", vision_hf.LAYOUT, lambda: ClipVision(VIT_H_14), 520, 1),
    "vision g": (
        "diffusers_image_encoder_clip_vision_g", "", vision_hf.LAYOUT, lambda: ClipVision(VIT_BIG_G_14), 776, 1,
    ),
    "openai l": ("original_openai_clip_vit_l14", "", vision_open.LAYOUT, lambda: ClipVision(VIT_L_14), 296, 150),
    "unclip h": ("ldm_sd21-unclip-h", "embedder.", UNCLIP, lambda: ClipVision(VIT_H_14), 392, 6),
    "unclip l": ("ldm_sd21-unclip-l", "embedder.", UNCLIP, lambda: ClipVision(VIT_L_14), 296, 150),
    "taesd": ("diffusers_vae_taesd", "", tiny_numbered.DIFFUSERS, lambda: TinyAutoencoder(TAESD), 134, 0),
    "taesd3": ("diffusers_vae_taesd3", "", tiny_numbered.DIFFUSERS, lambda: TinyAutoencoder(TAESD3), 134, 0),
    "taesd encoder": ("original_taesd_encoder", "", tiny_numbered.ENCODER, lambda: half(TAESD, "decoder"), 67, 0),
    "taesd decoder": ("original_taesd_decoder", "", tiny_numbered.DECODER, lambda: half(TAESD, "encoder"), 67, 0),
    "taesd3 encoder": ("original_taesd3_encoder", "", tiny_numbered.ENCODER, lambda: half(TAESD3, "decoder"), 67, 0),
    "taesd3 decoder": ("original_taesd3_decoder", "", tiny_numbered.DECODER, lambda: half(TAESD3, "encoder"), 67, 0),
    "depth": ("ldm_sd2-depth", "depth_model.", depth_timm.LAYOUT, lambda: DepthNet(DepthGeometry()), 366, 2),
    "checker": ("diffusers_sd15", "safety_checker/", CHECKER, lambda: SafetyChecker(CheckerGeometry()), 396, 1),
    "ip-adapter sd15": ("ip-adapter_sd15", "", IP_SD1, lambda: prompt(SD1, 1024), 36, 0),
    "siglip": ("siglip_so400m-patch14-384", "", siglip_hf.LAYOUT, lambda: Siglip(SO400M_14_384), 435, 453),
    "ip-adapter sd3.5": ("ip-adapter_sd35-large", "", IP_SD3, joint_prompt, 329, 0),
    "ip-adapter sd3.5, diffusers": ("ip-adapter_sd35-large-diffusers", "", IP_SD3_DIFFUSERS, joint_prompt, 329, 0),
    "ip-adapter sdxl": ("ip-adapter_sdxl", "", IP_SDXL, lambda: prompt(SDXL, 1280), 144, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(CASES))
def test_every_key_is_taken_or_left_out_and_every_weight_is_filled(case: str) -> None:
    kind, prefix, layout, make, taken, dropped = CASES[case]
    path = Path(kind)
    published = {n: t for n, t in tensors(kind, optional=True).items() if n.startswith(prefix)}
    matched = layout.match(published)
    assert matched.unknown == ()
    assert (len(matched.taken), len(matched.dropped)) == (taken, dropped)
    shapes = {n: tuple(t.shape) for n, t in layout.load(InMemory(path, published)).items()}
    with torch.device("meta"):
        network = make()
    wanted = network.state_dict()
    check_fit(wanted, shapes, path)
    back = layout.export(InMemory(path, wanted))
    assert {n: t.shape for n, t in back.items()} == {n: published[n].shape for n in matched.taken}
    shapes.popitem()
    with pytest.raises(WeightsMismatch, match="1 missing"):
        check_fit(wanted, shapes, path)
