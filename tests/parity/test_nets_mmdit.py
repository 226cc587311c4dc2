"""The MMDiT against diffusers' SD3Transformer2DModel in its three forms, at toy size, through both tables of names."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import SD3Transformer2DModel
from torch import Tensor, nn

from mezzotint.families.layouts import mmdit_diffusers, mmdit_original
from mezzotint.nets import mmdit_blocks
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.mmdit import MMDiT, MMDiTGeometry, position_table
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error
from parity.through_layout import moved, shared

FAR = 1e-3
SD3 = MMDiTGeometry(6, 2, 32, 3, 4, 24, 20, 10)
FORMS = {
    "sd3-medium": SD3,
    "sd3.5-medium": replace(SD3, qk_norm=True, dual=2, positions=16, layers=4),
    "sd3.5-large": replace(SD3, qk_norm=True, width=48, heads=6),
}


def reference(g: MMDiTGeometry) -> SD3Transformer2DModel:
    return SD3Transformer2DModel(
        patch_size=g.patch,
        in_channels=g.channels,
        out_channels=g.channels,
        num_layers=g.layers,
        attention_head_dim=g.width // g.heads,
        num_attention_heads=g.heads,
        joint_attention_dim=g.context,
        caption_projection_dim=g.width,
        pooled_projection_dim=g.pooled,
        pos_embed_max_size=g.positions,
        dual_attention_layers=tuple(range(g.dual)),
        qk_norm="rms_norm" if g.qk_norm else None,
    ).eval()


def pair(form: str) -> tuple[MMDiT, SD3Transformer2DModel]:
    geometry = FORMS[form]
    theirs, ours = reference(geometry), MMDiT(geometry).eval()
    shared(theirs, mmdit_diffusers.layout(geometry.layers), ours)
    return ours, theirs


def inputs(g: MMDiTGeometry, height: int = 8, width: int = 12) -> tuple[Tensor, Tensor, Conditioning]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, g.channels, height, width, generator=generator)
    tokens = torch.randn(2, 7, g.context, generator=generator)
    pooled = torch.randn(2, g.pooled, generator=generator)
    return x, torch.tensor([981.5, 3.0]), Conditioning(tokens, pooled)


def expected(theirs: SD3Transformer2DModel, x: Tensor, t: Tensor, cond: Conditioning) -> Tensor:
    return theirs(x, cond.tokens, cond.pooled, t).sample


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize(("height", "width"), [(8, 12), (2, 2), (20, 6), (14, 18)])
@torch.no_grad()
def test_same_answer_at_any_size(form: str, height: int, width: int) -> None:
    ours, theirs = pair(form)
    x, t, cond = inputs(FORMS[form], height, width)
    wanted = expected(theirs, x, t, cond)
    assert error(ours(x, t, cond).sample, wanted) <= BOUND
    assert cond.pooled is not None
    assert error(ours(x, t + 5, cond).sample, wanted) > FAR
    assert error(ours(x, t, replace(cond, tokens=cond.tokens * 0.9)).sample, wanted) > FAR
    assert error(ours(x, t, replace(cond, pooled=cond.pooled.flip(0))).sample, wanted) > FAR


def change(net: MMDiT, what: str) -> None:
    """One thing of the network replaced by something near it."""
    last = net.blocks[-1]
    if what == "position":
        net.position.copy_(net.position.roll(1, 1))
    elif what == "no query norm":
        for block in net.blocks:
            block.x.attn.norm_q = nn.RMSNorm(8, elementwise_affine=False)
    elif what == "no second attention":
        net.blocks[1].x.attn2 = None
    elif what == "halves of the last text norm":
        weight = last.context.modulation.weight
        weight.copy_(torch.cat(weight.chunk(2)[::-1]))
    elif what == "halves of the last norm":
        net.modulation_out.weight.copy_(torch.cat(net.modulation_out.weight.chunk(2)[::-1]))
    else:
        net.pooled_out.weight.zero_()


@pytest.mark.parametrize("what", [
    "position", "no query norm", "no second attention", "halves of the last text norm", "halves of the last norm",
    "pooled",
])  # fmt: skip
@torch.no_grad()
def test_every_part_matters(what: str) -> None:
    ours, theirs = pair("sd3.5-medium")
    given = inputs(FORMS["sd3.5-medium"])
    wanted = expected(theirs, *given)
    change(ours, what)
    assert error(ours(*given).sample, wanted) > FAR


@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_every_constant_matters(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pair(form)
    given = inputs(FORMS[form])
    wanted = expected(theirs, *given)
    monkeypatch.setattr(mmdit_blocks, "EPS", 1e-2)
    assert error(ours(*given).sample, wanted) > FAR


@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_the_original_names_hold_the_same(form: str) -> None:
    """Weights written under the names of the single file give the same network; its tensors are torch's own chunks."""
    ours, theirs = pair(form)
    path = Path("original")
    file = mmdit_original.LAYOUT.export(InMemory(path, ours.state_dict()))
    named = theirs.state_dict()
    joined = torch.cat([named[f"transformer_blocks.0.attn.to_{part}.weight"] for part in "qkv"])
    assert torch.equal(file["joint_blocks.0.x_block.attn.qkv.weight"], joined)
    scale, shift = named["norm_out.linear.weight"].chunk(2)
    assert torch.equal(file["final_layer.adaLN_modulation.1.weight"], torch.cat([shift, scale]))
    again = MMDiT(FORMS[form]).eval()
    moved(file, mmdit_original.LAYOUT, again)
    given = inputs(FORMS[form])
    assert error(again(*given).sample, expected(theirs, *given)) <= BOUND


@torch.no_grad()
def test_residuals_as_a_control_network_gives_them() -> None:
    """diffusers adds residual number i * M // blocks after each block but the last."""
    ours, theirs = pair("sd3.5-medium")
    x, t, cond = inputs(FORMS["sd3.5-medium"])
    residuals = list(torch.randn(2, 2, 24, 32, generator=torch.Generator().manual_seed(2)).unbind())
    wanted = theirs(x, cond.tokens, cond.pooled, t, block_controlnet_hidden_states=residuals).sample
    sites = {f"blocks.{i}": residuals[i // 2] for i in range(3)}
    assert error(ours(x, t, cond, Inject(sites)).sample, wanted) <= BOUND
    assert error(ours(x, t, cond, Inject({"blocks.0": residuals[0]})).sample, wanted) > FAR


@pytest.mark.parametrize("form", sorted(FORMS))
def test_position_table(form: str) -> None:
    g = FORMS[form]
    theirs = reference(g).pos_embed.pos_embed
    assert error(position_table(g.positions, g.width), theirs) <= BOUND
    assert error(position_table(g.positions, g.width).roll(1, 1), theirs) > FAR
