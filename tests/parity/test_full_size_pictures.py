"""The networks that look at pictures at their published sizes, against transformers, with seeded random weights."""

import pytest
import torch
from torch import Tensor

from mezzotint.families.layouts import depth_hf, vision_hf
from mezzotint.nets.depth import DepthGeometry, DepthNet, depth_pixels
from mezzotint.nets.vision import VIT_H_14, VIT_L_14, ClipVision, VisionGeometry
from parity import test_nets_depth, test_nets_vision
from parity.nets_reference import BOUND, error
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
