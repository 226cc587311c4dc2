"""ControlNet and T2I-Adapter against diffusers, at toy size, their weights read through our tables both ways."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel, T2IAdapter, UNet2DConditionModel
from torch import Tensor, nn

from mezzotint.families.layouts import controlnet, t2i_adapter, unet_ldm
from mezzotint.nets import t2i_adapter as adapters
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error, fill
from parity.test_nets_unet_forms import SD1, SD2, SDXL, both_ways, conditioned
from parity.test_nets_unet_forms import reference as reference_unet

FORMS = {"sd15": SD1, "sd21": SD2, "sdxl": SDXL}
HINT = (4, 8, 12, 16)
ONE = torch.tensor(1.0)


def reference(g: UNetGeometry, hint: tuple[int, ...] = HINT) -> ControlNetModel:
    more: dict[str, object] = {}
    if g.added is not None:
        more = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": g.added.waves,
            "projection_class_embeddings_input_dim": g.added.width,
        }
    return ControlNetModel(
        in_channels=g.in_channels,
        block_out_channels=g.channels,
        down_block_types=tuple(f"{'CrossAttn' if on else ''}DownBlock2D" for on in g.attention),
        layers_per_block=g.layers,
        attention_head_dim=g.heads,
        transformer_layers_per_block=list(g.depths),
        cross_attention_dim=g.context,
        use_linear_projection=g.linear_projection,
        norm_num_groups=g.norm_groups,
        conditioning_embedding_out_channels=hint,
        **more,
    ).eval()


Pair = tuple[ControlNet, ControlNetModel]


@pytest.fixture(scope="module", params=sorted(FORMS))
def pair(request: pytest.FixtureRequest) -> Pair:
    geometry = FORMS[request.param]
    theirs = reference(geometry)
    fill(theirs)
    names = list(theirs.state_dict())
    count = controlnet.hints_in(names)
    assert count == 2 * len(HINT)
    ours = both_ways(controlnet.diffusers(count), theirs.state_dict())
    table = controlnet.original(geometry.layers, geometry.attention, count)
    original = table.export(InMemory(Path("ours"), ours))
    assert controlnet.hints_in(original) == count
    assert unet_ldm.numbering(original) == (geometry.layers, geometry.attention)
    again = table.load(InMemory(Path("original"), original))
    assert again.keys() == ours.keys() and all(torch.equal(again[name], ours[name]) for name in ours)
    net = ControlNet(ControlNetGeometry(geometry, HINT)).eval()
    net.load_state_dict(again)
    return net, theirs


def hint_of(height: int, width: int) -> Tensor:
    return torch.rand(2, 3, 8 * height, 8 * width, generator=torch.Generator().manual_seed(4))


def answer(theirs: ControlNetModel, x: Tensor, t: Tensor, cond: Conditioning, hint: Tensor, scale: float):
    added = None if cond.pooled is None else {"text_embeds": cond.pooled, "time_ids": cond.numbers}
    made = theirs(x, t, cond.tokens, controlnet_cond=hint, conditioning_scale=scale, added_cond_kwargs=added)
    down = {f"down.{i}": value for i, value in enumerate(made.down_block_res_samples)}
    return {**down, "mid": made.mid_block_res_sample}


def far(ours: Inject, expected: dict[str, Tensor]) -> float:
    assert ours.residuals.keys() == expected.keys()
    return max(error(ours.residuals[site], expected[site]) for site in expected)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 13)])
@torch.no_grad()
def test_same_residuals(pair: Pair, height: int, width: int) -> None:
    ours, theirs = pair
    x, cond = conditioned(ours.geometry, height, width)
    hint, t = hint_of(height, width), torch.tensor([981, 3])
    expected = answer(theirs, x, t, cond, hint, 0.7)
    assert far(ours(x, t, cond, hint, torch.tensor(0.7)), expected) <= BOUND
    assert far(ours(x, t, cond, hint, torch.tensor([0.7, 0.7])), expected) <= BOUND
    wrong = [
        ours(x, t, cond, hint.flip(-1), torch.tensor(0.7)),
        ours(x, t, cond, hint, torch.tensor(0.71)),
        ours(x, t.flip(0), cond, hint, torch.tensor(0.7)),
        ours(x, t, replace(cond, tokens=cond.tokens.flip(0)), hint, torch.tensor(0.7)),
    ]
    if cond.pooled is not None:
        other = replace(cond, pooled=cond.pooled.flip(0))
        wrong.append(ours(x, t, other, hint, torch.tensor(0.7)))
    assert all(far(made, expected) > 1e-3 for made in wrong)


ADAPTERS = {
    "full": ("full_adapter", adapters.AdapterGeometry((32, 64, 96), (False, True, True))),
    "full xl": (
        "full_adapter_xl",
        adapters.AdapterGeometry((32, 64, 96, 96), (False, False, True, False), unshuffle=16),
    ),
    "light": ("light_adapter", adapters.AdapterGeometry((32, 64, 96), (False, True, True), light=True)),
}


def adapter_pair(name: str) -> tuple[adapters.T2IAdapter, T2IAdapter]:
    kind, g = ADAPTERS[name]
    channels = list(g.channels[:-1] if g.light else g.channels)
    if g.light:
        g = replace(g, channels=(*channels, channels[-1]))
    theirs = T2IAdapter(3, channels, g.layers, g.unshuffle, kind).eval()
    fill(theirs)
    ours = both_ways(t2i_adapter.DIFFUSERS, theirs.state_dict())
    table = t2i_adapter.LIGHT if g.light else t2i_adapter.original(len(g.channels), g.layers)
    back = table.load(InMemory(Path("original"), table.export(InMemory(Path("ours"), ours))))
    assert back.keys() == ours.keys() and all(torch.equal(back[name], ours[name]) for name in ours)
    net = adapters.T2IAdapter(g).eval()
    net.load_state_dict(back)
    return net, theirs


@pytest.mark.parametrize("halvings", [0, None], ids=["rounded up", "whole"])
@pytest.mark.parametrize("name", ADAPTERS)
@torch.no_grad()
def test_an_adapter_makes_the_same_features(name: str, halvings: int | None) -> None:
    ours, theirs = adapter_pair(name)
    side = ours.geometry.unshuffle * 2 ** (sum(ours.geometry.halved) if halvings is None else halvings)
    hint = torch.rand(2, 3, 2 * side, 3 * side, generator=torch.Generator().manual_seed(4))
    mine, expected, other = ours.features(hint), theirs(hint), ours.features(hint.flip(-1))
    assert len(mine) == len(expected) == len(ours.geometry.channels)
    for a, b, c in zip(mine, expected, other, strict=True):
        assert error(a, b) <= BOUND < 1e-3 < error(c, b)


def unets(g: UNetGeometry) -> tuple[UNet, UNet2DConditionModel]:
    from mezzotint.families.layouts import unet_diffusers

    theirs = reference_unet(g)
    fill(theirs)
    net = UNet(g).eval()
    net.load_state_dict(unet_diffusers.LAYOUT.load(InMemory(Path("theirs"), theirs.state_dict())))
    return net, theirs


@pytest.mark.parametrize(("name", "form"), [("full", SD1), ("full xl", SDXL)])
@torch.no_grad()
def test_a_unet_adds_the_features_where_the_reference_does(name: str, form: UNetGeometry) -> None:
    adapter, _ = adapter_pair(name)
    unet, theirs = unets(form)
    x, cond = conditioned(form, 8, 8)
    hint = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    added = None if cond.pooled is None else {"text_embeds": cond.pooled, "time_ids": cond.numbers}
    features = [feature.clone() for feature in adapter.features(hint)]
    t = torch.tensor(400)
    expected = theirs(
        x, t, cond.tokens, added_cond_kwargs=added, down_intrablock_additional_residuals=features
    ).sample
    inject = adapter(hint, form, ONE)
    assert error(unet(x, t, cond, inject).sample, expected) <= BOUND
    for site in inject.residuals:
        fewer = {key: value for key, value in inject.residuals.items() if key != site}
        assert error(unet(x, t, cond, Inject(fewer)).sample, expected) > 1e-3, site
    moved = {key.replace("path", "down"): value for key, value in inject.residuals.items()}
    assert error(unet(x, t, cond, Inject(moved)).sample, expected) > 1e-3
    assert isinstance(theirs, nn.Module)
