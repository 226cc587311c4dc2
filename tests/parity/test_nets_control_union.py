"""The ControlNet for several kinds of hints against diffusers' ControlNetUnionModel, at toy size, through its table."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetUnionModel
from torch import Tensor

from mezzotint.families import sdxl
from mezzotint.families.layouts import control_union
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.control_union import ControlUnion, UnionGeometry
from mezzotint.nets.controlnet import ControlNetGeometry
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error, fill
from parity.test_nets_controlnet import HINT, far
from parity.test_nets_unet_forms import SDXL, both_ways, conditioned

FORMS = {
    "first edition": UnionGeometry(ControlNetGeometry(SDXL, HINT), kinds=6, waves=16),
    "promax": UnionGeometry(ControlNetGeometry(SDXL, HINT), kinds=8, waves=16, layers=2),
}


def reference(g: UnionGeometry) -> ControlNetUnionModel:
    unet = g.control.unet
    added = unet.added
    assert added is not None
    return ControlNetUnionModel(
        in_channels=unet.in_channels,
        block_out_channels=unet.channels,
        down_block_types=tuple(f"{'CrossAttn' if on else ''}DownBlock2D" for on in unet.attention),
        layers_per_block=unet.layers,
        attention_head_dim=unet.heads,
        transformer_layers_per_block=list(unet.depths),
        cross_attention_dim=unet.context,
        use_linear_projection=unet.linear_projection,
        norm_num_groups=unet.norm_groups,
        conditioning_embedding_out_channels=g.control.hint,
        addition_embed_type="text_time",
        addition_time_embed_dim=added.waves,
        projection_class_embeddings_input_dim=added.width,
        num_control_type=g.kinds,
        num_trans_channel=g.width,
        num_trans_head=g.heads,
        num_trans_layer=g.layers,
        num_proj_channel=g.width,
    ).eval()


Pair = tuple[ControlUnion, ControlNetUnionModel]


@pytest.fixture(scope="module", params=sorted(FORMS))
def pair(request: pytest.FixtureRequest) -> Pair:
    geometry = replace(FORMS[request.param], waves=FORMS[request.param].control.unet.added.waves)
    theirs = reference(geometry)
    fill(theirs)
    names = list(theirs.state_dict())
    net = ControlUnion(geometry).eval()
    net.load_state_dict(both_ways(control_union.layout(names), theirs.state_dict()))
    return net, theirs


def given(unet: object) -> tuple[Tensor, Tensor, Conditioning, list[Tensor]]:
    """The two rows of one picture, which differ in their texts alone, and three hints."""
    x, cond = conditioned(unet, 8, 12)  # pyright: ignore[reportArgumentType]
    draw = torch.Generator().manual_seed(4)
    hints = [torch.rand(1, 3, 64, 96, generator=draw).expand(2, -1, -1, -1) for _ in range(3)]
    return x[:1].expand(2, -1, -1, -1), torch.tensor([500, 500]), cond, hints


def answer(theirs: ControlNetUnionModel, kinds: list[int], scales: list[float]) -> dict[str, Tensor]:
    x, t, cond, hints = given(SDXL)
    told = torch.zeros(2, theirs.config.num_control_type)
    told[:, kinds] = 1
    added = {"text_embeds": cond.pooled, "time_ids": cond.numbers}
    made = theirs(
        x, t, cond.tokens, hints[: len(kinds)], told, kinds, scales, added_cond_kwargs=added
    )  # fmt: skip
    down = {f"down.{i}": value for i, value in enumerate(made.down_block_res_samples)}
    return {**down, "mid": made.mid_block_res_sample}


def mine(ours: ControlUnion, kinds: list[int], scales: list[float]) -> Inject:
    x, t, cond, hints = given(SDXL)
    return ours(x, t, cond, hints[: len(kinds)], kinds, scales)


@pytest.mark.parametrize(
    ("kinds", "scales", "others"),
    [([3], [1.0], [2]), ([0, 3], [1.0, 0.6], [3, 0]), ([5, 1, 2], [0.5, 0.7, 1.2], [5, 1, 3])],
)
@torch.no_grad()
def test_same_residuals(pair: Pair, kinds: list[int], scales: list[float], others: list[int]) -> None:
    ours, theirs = pair
    expected = answer(theirs, kinds, scales)
    assert far(mine(ours, kinds, scales), expected) <= BOUND
    for wrong in (mine(ours, others, scales), mine(ours, kinds, [1.1 * scale for scale in scales])):
        assert far(wrong, expected) > 1e-3


@torch.no_grad()
def test_a_picture_does_not_depend_on_its_neighbours(pair: Pair) -> None:
    """As it does with the reference, whose attention goes over the rows of a batch."""
    ours, _ = pair
    x, t, cond, hints = given(SDXL)
    other = torch.cat([x[:1], x[:1] * 0.5])
    shown = [torch.cat([hints[0][:1], hints[1][:1]])]
    both = ours(other, t, cond, shown, [3], [1.0]).residuals
    alone = mine(ours, [3], [1.0]).residuals
    for site, residual in both.items():
        assert error(residual[:1], alone[site][:1]) <= BOUND < 1e-3 < error(residual[1:], alone[site][1:])


def test_a_file_of_the_published_size_is_taken_whole() -> None:
    """xinsir's promax, by the names and shapes of diffusers' network of that size."""
    full = UnionGeometry(ControlNetGeometry(sdxl.SDXL.unet, (48, 96, 192, 384)), kinds=8)
    with torch.device("meta"):
        theirs, ours = reference(full).state_dict(), ControlUnion(full).state_dict()
    table = control_union.layout(theirs)
    assert (table.match(theirs).unknown, table.match(theirs).dropped) == ((), ())
    loaded = table.load(InMemory(Path("promax"), theirs))
    assert {n: t.shape for n, t in loaded.items()} == {n: t.shape for n, t in ours.items()}
