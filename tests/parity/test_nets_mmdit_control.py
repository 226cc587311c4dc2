"""The ControlNet of the MMDiT against diffusers' SD3ControlNetModel in both forms, at toy size, through its table."""

from dataclasses import replace

import pytest
import torch
from diffusers import SD3ControlNetModel
from torch import Tensor

from mezzotint.families.layouts import mmdit_diffusers
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.mmdit_control import LENT, MMDiTControl, MMDiTControlGeometry
from parity.nets_reference import BOUND, error
from parity.test_nets_mmdit import FAR, SD3, inputs, pair
from parity.through_layout import shared

TWO = replace(SD3, layers=2)
FORMS = {
    "joint": MMDiTControlGeometry(TWO, 4, hint=6),
    "joint with a mask": MMDiTControlGeometry(replace(SD3, layers=1), 4, hint=7),
    "joint 3.5": MMDiTControlGeometry(replace(TWO, qk_norm=True, dual=1), 4, hint=6),
    "without text": MMDiTControlGeometry(TWO, 4, hint=6, reads=False),
}
LAST = "blocks.2"
"""The last site of a transformer of four blocks; it gets the last residual."""


def reference(geometry: MMDiTControlGeometry) -> SD3ControlNetModel:
    g = geometry.net
    return SD3ControlNetModel(
        patch_size=g.patch,
        in_channels=g.channels,
        num_layers=g.layers,
        attention_head_dim=g.width // g.heads,
        num_attention_heads=g.heads,
        joint_attention_dim=g.context if geometry.reads else None,
        caption_projection_dim=g.width,
        pooled_projection_dim=g.pooled,
        pos_embed_max_size=g.positions,
        extra_conditioning_channels=geometry.hint - g.channels,
        dual_attention_layers=tuple(range(g.dual)),
        qk_norm="rms_norm" if g.qk_norm else None,
    ).eval()


def control(form: str) -> tuple[MMDiTControl, SD3ControlNetModel]:
    theirs, ours = reference(FORMS[form]), MMDiTControl(FORMS[form]).eval()
    shared(theirs, mmdit_diffusers.CONTROL, ours)
    return ours, theirs


def hints(form: str) -> Tensor:
    return torch.randn(2, FORMS[form].hint, 8, 12, generator=torch.Generator().manual_seed(5))


def expected(form: str, theirs: SD3ControlNetModel, scale: float = 0.7) -> list[Tensor]:
    x, t, cond = inputs(SD3)
    tokens = cond.tokens if FORMS[form].reads else None
    return theirs(x, hints(form), scale, tokens, cond.pooled, t).controlnet_block_samples


@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_residuals(form: str) -> None:
    ours, theirs = control(form)
    x, t, cond = inputs(SD3)
    wanted, scale = expected(form, theirs), torch.tensor(0.7)
    found = ours(x, t, cond, hints(form), scale).residuals
    assert list(found) == ["blocks.0", "blocks.1", LAST]
    for i, site in enumerate(found):
        assert error(found[site], wanted[FORMS[form].source(i)]) <= BOUND
    assert cond.pooled is not None
    for other in (
        ours(x, t, cond, hints(form).flip(0), scale),
        ours(x, t + 9, cond, hints(form), scale),
        ours(x, t, cond, hints(form), torch.tensor([0.7, 0.6])),
        ours(x, t, Conditioning(cond.tokens, cond.pooled * 0.9), hints(form), scale),
    ):
        assert error(other.residuals[LAST], wanted[-1]) > FAR
    unread = ours(x, t, Conditioning(cond.tokens.flip(1) * 2, cond.pooled), hints(form), scale).residuals[
        LAST
    ]
    if not FORMS[form].reads:
        assert torch.equal(unread, found[LAST])
    elif FORMS[form].net.layers > 1:
        assert error(unread, wanted[-1]) > FAR


@torch.no_grad()
def test_the_steered_transformer_answers_the_same() -> None:
    ours, theirs = control("joint")
    net, reference_net = pair("sd3.5-medium")
    x, t, cond = inputs(SD3)
    residuals = expected("joint", theirs)
    wanted = reference_net(
        x, cond.tokens, cond.pooled, t, block_controlnet_hidden_states=list(residuals)
    ).sample
    inject = ours(x, t, cond, hints("joint"), torch.tensor(0.7))
    assert error(net(x, t, cond, inject).sample, wanted) <= BOUND
    assert error(net(x, t, cond).sample, wanted) > FAR


@pytest.mark.parametrize(
    ("layers", "steered"), [(12, 24), (6, 24), (19, 38), (7, 24), (23, 24), (5, 38), (1, 24)]
)
def test_the_spread_over_the_blocks_is_that_of_the_reference(layers: int, steered: int) -> None:
    geometry = MMDiTControlGeometry(replace(SD3, layers=layers), steered)
    interval = steered / layers
    assert [geometry.source(i) for i in range(steered)] == [int(i / interval) for i in range(steered)]
    assert geometry.source(steered - 1) == layers - 1


@torch.no_grad()
def test_patches_of_the_form_without_text_are_lent_by_the_transformer() -> None:
    """diffusers copies the transformer's whole patch embedding into such a network before its first call."""
    ours, theirs = control("without text")
    net, reference_net = pair("sd3-medium")
    net.patches.weight.mul_(1.5)
    reference_net.pos_embed.proj.weight.mul_(1.5)
    theirs.pos_embed = theirs._get_pos_embed_from_transformer(reference_net)
    own = {name: weight for name, weight in net.state_dict().items() if name in LENT}
    assert len(own) == len(LENT)
    before = ours(*inputs(SD3), hints("without text"), torch.tensor(0.7)).residuals[LAST]
    ours.load_state_dict(own, strict=False)
    wanted = expected("without text", theirs)[-1]
    assert (
        error(ours(*inputs(SD3), hints("without text"), torch.tensor(0.7)).residuals[LAST], wanted) <= BOUND
    )
    assert error(before, wanted) > FAR
