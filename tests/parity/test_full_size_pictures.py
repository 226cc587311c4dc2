"""The networks that look at pictures at their published sizes, against transformers, with seeded random weights."""

from pathlib import Path

import pytest
import torch
from diffusers.models.embeddings import IPAdapterTimeImageProjection
from torch import Tensor

from mezzotint.families.layouts import depth_hf, ip_adapter, vision_hf
from mezzotint.families.pictures import open_siglip
from mezzotint.nets.depth import DepthGeometry, DepthNet, depth_pixels
from mezzotint.nets.resampler import ResamplerGeometry, TimedResampler
from mezzotint.nets.siglip import SO400M_14_384
from mezzotint.nets.vision import VIT_H_14, VIT_L_14, ClipVision, VisionGeometry
from mezzotint.weights.files import InMemory
from parity import test_nets_depth, test_nets_siglip, test_nets_vision
from parity.nets_reference import BOUND, error, fill
from parity.through_layout import shared

FAR = 1e-3


def noise(side: int) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("geometry", [VIT_L_14, VIT_H_14])
@torch.no_grad()
def test_vision_towers(geometry: VisionGeometry) -> None:
    theirs, ours = test_nets_vision.reference(geometry), ClipVision(geometry).eval()
    shared(theirs, vision_hf.LAYOUT, ours)
    expected = theirs(noise(224)).image_embeds
    measured = error(ours(noise(224)).pooled, expected)
    print(f"width {geometry.width}: {measured:.2e}")
    assert measured <= BOUND
    assert error(ours(noise(224).flip(-1)).pooled, expected) > FAR


@pytest.mark.slow
@torch.no_grad()
def test_siglip() -> None:
    g = SO400M_14_384
    theirs = test_nets_siglip.reference(g)
    fill(theirs)
    ours = open_siglip(InMemory(Path("siglip"), dict(theirs.state_dict())))
    assert ours.geometry == g
    expected = theirs(noise(384), output_hidden_states=True).hidden_states[-2]
    measured = error(ours(noise(384), 1), expected)
    print(f"SigLIP: {measured:.2e}")
    assert measured <= BOUND
    assert error(ours(noise(384).flip(-1), 1), expected) > FAR


@pytest.mark.slow
@torch.no_grad()
def test_the_resampler_of_an_image_prompt_of_sd35_large() -> None:
    theirs = IPAdapterTimeImageProjection().eval()
    fill(theirs)
    ours = TimedResampler(ResamplerGeometry(1152, 2432, 1280, 20, tokens=64)).eval()
    named = {f"image_proj.{n}": t for n, t in theirs.state_dict().items()}
    loaded = ip_adapter.joint(ip_adapter.TIMED_DIFFUSERS).load(InMemory(Path("ip-adapter"), named))
    ours.load_state_dict({n.removeprefix("projection."): t for n, t in loaded.items()})
    states = torch.randn(2, 729, 1152, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([981.5, 3.0])
    expected = theirs(states, t)
    measured = [error(a, b) for a, b in zip(ours(states, t), expected, strict=True)]
    print(f"resampler: tokens {measured[0]:.2e}, time {measured[1]:.2e}")
    assert max(measured) <= BOUND
    assert error(ours(states, t.flip(0))[0], expected[0]) > FAR


@pytest.mark.slow
@torch.no_grad()
def test_depth() -> None:
    geometry = DepthGeometry()
    theirs, ours = test_nets_depth.reference(geometry), DepthNet(geometry).eval()
    shared(theirs, depth_hf.LAYOUT, ours)
    for bias in (theirs.head.head[4].bias, ours.head.conv3.bias):
        bias.fill_(1.0)
    pixels = depth_pixels(noise(64))
    expected = theirs(pixels).predicted_depth
    measured = error(ours(pixels)[:, 0], expected)
    print(f"depth: {measured:.2e}, {(expected > 0).float().mean():.2f} of it above zero")
    assert measured <= BOUND
    assert error(ours(pixels.flip(-1))[:, 0], expected) > FAR
