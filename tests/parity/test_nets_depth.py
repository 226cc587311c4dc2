"""The depth network against transformers' DPTForDepthEstimation (hybrid), at toy size, with the same random weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import DPTConfig, DPTForDepthEstimation

from mezzotint.families.layouts import depth_hf, depth_timm
from mezzotint.nets import depth_stem
from mezzotint.nets.depth import DepthGeometry, DepthNet, depth_plane
from mezzotint.weights.files import InMemory
from nets.depth_toys import TOY
from parity.nets_reference import BOUND, error
from parity.through_layout import same, shared

FAR = 1e-3


def reference(g: DepthGeometry) -> DPTForDepthEstimation:
    stem = {
        "global_padding": "same",
        "layer_type": "bottleneck",
        "depths": list(g.blocks),
        "hidden_sizes": list(g.stages),
        "embedding_size": g.stem,
        "num_groups": g.groups,
        "out_features": ["stage1", "stage2", "stage3"],
        "embedding_dynamic_padding": True,
    }
    config = DPTConfig(
        is_hybrid=True,
        hidden_size=g.width,
        num_hidden_layers=g.layers,
        num_attention_heads=g.heads,
        intermediate_size=g.hidden,
        layer_norm_eps=g.eps,
        image_size=g.side,
        patch_size=16,
        backbone_out_indices=[0, 1, *g.taps],
        neck_hidden_sizes=[*g.stages[:2], g.width, g.width],
        fusion_hidden_size=g.fusion,
        reassemble_factors=[1, 1, 1, 0.5],
        backbone_featmap_shape=[1, g.stages[-1], g.side // 16, g.side // 16],
        backbone_config=stem,
    )
    return DPTForDepthEstimation(config).eval()


def pair(g: DepthGeometry = TOY, ours: DepthGeometry | None = None) -> tuple[DepthNet, DPTForDepthEstimation]:
    theirs, mine = reference(g), DepthNet(ours or g).eval()
    shared(theirs, depth_hf.LAYOUT, mine)
    with torch.no_grad():  # or ReLU would leave most of the answer at zero
        for net in (theirs.head.head[4], mine.head.conv3):
            net.bias.fill_(1.0)
    return mine, theirs


def picture(g: DepthGeometry = TOY) -> Tensor:
    return torch.rand(2, 3, g.side, g.side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("side", [64, 96])
@torch.no_grad()
def test_depth(side: int) -> None:
    g = replace(TOY, side=side)
    ours, theirs = pair(g)
    expected = theirs(picture(g)).predicted_depth
    assert (expected > 0).float().mean() > 0.5
    assert error(ours(picture(g))[:, 0], expected) <= BOUND
    assert error(ours(picture(g).flip(-1))[:, 0], expected) > FAR


@pytest.mark.parametrize(
    "change", ["taps", "heads", "eps", "groups", "standard", "padding", "position", "res1"]
)
@torch.no_grad()
def test_every_constant_matters(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    geometry = {
        "taps": replace(TOY, taps=(0, 2)),
        "heads": replace(TOY, heads=2),
        "eps": replace(TOY, eps=0.1),
        "groups": replace(TOY, groups=2),
    }.get(change, TOY)
    ours, theirs = pair(TOY, geometry)
    expected = theirs(picture()).predicted_depth
    if change == "standard":
        monkeypatch.setattr(depth_stem, "STANDARD_EPS", 0.01)
    elif change == "padding":
        pad = torch.nn.functional.pad
        monkeypatch.setattr(torch.nn.functional, "pad", lambda x, by: pad(x, (by[1], by[0], by[3], by[2])))
    elif change == "position":
        ours.position.copy_(ours.position.roll(1, 1))
    elif change == "res1":
        ours.fusions[0].res1.conv2.weight.zero_()
    assert error(ours(picture())[:, 0], expected) > FAR


@torch.no_grad()
def test_the_names_of_the_single_file_mean_the_same() -> None:
    """Through timm's spelling and back: the same network, and its fused rows are query, key and value in this order."""
    ours, theirs = pair()
    path = Path("midas")
    named = depth_timm.LAYOUT.export(InMemory(path, ours.state_dict()))
    assert all(name.startswith(depth_timm.PREFIX) for name in named)
    again = DepthNet(TOY).eval()
    again.load_state_dict(depth_timm.LAYOUT.load(InMemory(path, named)))
    assert same(dict(again.state_dict()), dict(ours.state_dict()))
    rows = theirs.state_dict()
    layer = "dpt.encoder.layer.1.attention.attention"
    fused = torch.cat([rows[f"{layer}.{part}.weight"] for part in ("query", "key", "value")])
    assert torch.equal(named["depth_model.model.pretrained.model.blocks.1.attn.qkv.weight"], fused)
    first = rows["neck.fusion_stage.layers.0.projection.weight"]
    assert torch.equal(named["depth_model.model.scratch.refinenet4.out_conv.weight"], first)


@torch.no_grad()
def test_the_plane_of_the_pipeline() -> None:
    """diffusers' StableDiffusionDepth2ImgPipeline.prepare_depth_map, which adds nothing to the range."""
    depth = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(1)) * 30
    small = torch.nn.functional.interpolate(
        depth.unsqueeze(1), size=(8, 8), mode="bicubic", align_corners=False
    )
    low, high = small.amin(dim=[1, 2, 3], keepdim=True), small.amax(dim=[1, 2, 3], keepdim=True)
    expected = 2.0 * (small - low) / (high - low) - 1.0
    assert error(depth_plane(depth[:, None], (8, 8), flat=0.0), expected) <= BOUND
    assert error(depth_plane(depth[:, None], (8, 8), flat=0.1), expected) > FAR
