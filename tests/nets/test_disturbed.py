"""What others do inside a network: other attentions, blocks left out, maps handed out."""

import math

import pytest
import torch
from torch import Tensor

from mezzotint.nets.attention import attend, attention_map
from mezzotint.nets.conditioning import Conditioning, Grid, Inject, Stream
from mezzotint.nets.disturbed import blurred, identity, smoothed
from mezzotint.nets.mmdit import MMDiT, MMDiTGeometry
from mezzotint.values.errors import BadValue
from nets.toys import error, inputs, noisy, unet

MID = "mid.attention.blocks.0.attn1"
GRID = Grid(3, 4)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def qkv(tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = normal(3, 2, 2, tokens, 4)
    return q, k, v


def mmdit() -> MMDiT:
    net = MMDiT(MMDiTGeometry(4, 2, 16, 3, 2, 6, 5, 8, qk_norm=True, dual=1)).eval()
    noisy(net)
    return net


def asked(net: MMDiT, inject: Inject | None) -> Tensor:
    cond = Conditioning(normal(2, 5, 6, seed=2), normal(2, 5, seed=3))
    return net(normal(2, 4, 6, 8, seed=1), torch.tensor(500.0), cond, inject).sample


def test_identity_lets_every_pixel_see_itself_and_the_text() -> None:
    q, k, v = qkv(GRID.size)
    assert identity(q, k, v, GRID) is v
    q, k, v = qkv(GRID.size + 3)
    found = identity(q, k, v, GRID)
    seen = torch.cat([torch.tensor([5]), torch.arange(GRID.size, GRID.size + 3)])
    assert error(found[:, :, 5:6], attend(q[:, :, 5:6], k[:, :, seen], v[:, :, seen], "x")) < 1e-5
    assert error(found[:, :, GRID.size :], attend(q, k, v, "x")[:, :, GRID.size :]) < 1e-5


def test_smoothed_without_end_asks_with_the_mean_and_without_width_with_each() -> None:
    q, k, v = qkv(GRID.size + 3)
    plain, even = attend(q, k, v, "x"), smoothed(math.inf)(q, k, v, GRID)
    mean = q[:, :, : GRID.size].mean(dim=2, keepdim=True)
    assert error(even[:, :, :1], attend(mean, k, v, "x")) < 1e-5
    assert error(even[:, :, GRID.size :], plain[:, :, GRID.size :]) < 1e-5
    assert error(smoothed(0.05)(q, k, v, GRID), plain) < 1e-5
    assert error(smoothed(1.0)(q, k, v, GRID), plain) > 1e-3


def test_blur_keeps_what_is_even_and_spreads_a_point() -> None:
    assert error(blurred(torch.ones(1, 2, 5, 7), 1.0, 9), torch.ones(1, 2, 5, 7)) < 1e-6
    point = torch.zeros(1, 1, 21, 21)
    point[..., 10, 10] = 1
    spread = blurred(point, 1.5, 9)
    assert abs(float(spread.sum()) - 1) < 1e-6
    wanted = math.exp(-0.5 * (2 / 1.5) ** 2 - 0.5 * (1 / 1.5) ** 2)
    assert abs(float(spread[..., 12, 11] / spread[..., 10, 10]) - wanted) < 1e-5
    assert float(spread[..., 15, 10]) == 0
    assert blurred(torch.ones(1, 1, 1, 2), 1.0, 9).shape == (1, 1, 1, 2)


@torch.no_grad()
def test_a_unet_disturbed_in_one_place_answers_otherwise_and_else_to_the_bit() -> None:
    net, (x, t, cond) = unet(), inputs()
    plain = net(x, t, cond).sample
    assert torch.equal(net(x, t, cond, Inject()).sample, plain)
    seen: list[Grid] = []

    def watching(q: Tensor, k: Tensor, v: Tensor, grid: Grid) -> Tensor:
        seen.append(grid)
        return attend(q, k, v, "watched")

    assert torch.equal(net(x, t, cond, Inject(attend={MID: watching})).sample, plain)
    assert seen == [Grid(4, 4)]
    changed = net(x, t, cond, Inject(attend={MID: identity})).sample
    assert error(changed, plain) > 1e-4
    alone = net(x[:1], t[:1], Conditioning(cond.tokens[:1]), Inject(attend={MID: identity})).sample
    assert error(changed[:1], alone) < 1e-5


@torch.no_grad()
def test_taps_are_maps_of_the_picture_and_change_nothing() -> None:
    net, (x, t, cond) = unet(), inputs()
    tapped = net(x, t, cond, Inject(taps=frozenset({MID})))
    assert torch.equal(tapped.sample, net(x, t, cond).sample)
    assert set(tapped.taps) == {MID}
    assert tapped.taps[MID].shape == (2, 4, 16, 4, 4)
    assert torch.allclose(tapped.taps[MID].sum(dim=(3, 4)), torch.ones(2, 4, 16), atol=1e-5)
    q, k, _ = qkv(GRID.size + 3)
    scores = (q @ k.transpose(2, 3) / 2).softmax(dim=-1)[:, :, : GRID.size, : GRID.size]
    assert error(attention_map(q, k, GRID).flatten(3), scores) < 1e-5


@torch.no_grad()
def test_a_transformer_without_a_block_answers_as_one_that_never_had_it() -> None:
    net = mmdit()
    plain = asked(net, None)
    assert torch.equal(asked(net, Inject()), plain)
    skipped = asked(net, Inject(skips=frozenset({"blocks.1"})))
    assert error(skipped, plain) > 1e-4
    del net.blocks[1]
    assert torch.equal(asked(net, None), skipped)


@torch.no_grad()
@pytest.mark.parametrize("site", ["blocks.0.attn", "blocks.0.attn2", "blocks.2.attn"])
def test_a_transformer_is_disturbed_at_the_site_that_is_named(site: str) -> None:
    net = mmdit()
    assert error(asked(net, Inject(attend={site: identity})), asked(net, None)) > 1e-4


@pytest.mark.parametrize(
    ("inject", "complaint"),
    [
        (Inject(attend={"nowhere": identity}), "attend: no attention 'nowhere'"),
        (Inject(taps=frozenset({"mid.attention.blocks.0.attn2"})), "taps: no attention 'mid"),
        (Inject(skips=frozenset({"blocks.0"})), "skips: this network has no blocks to leave out"),
    ],
)
def test_a_unet_refuses_what_it_does_not_have(inject: Inject, complaint: str) -> None:
    x, t, cond = inputs()
    with pytest.raises(BadValue, match=complaint):
        unet()(x, t, cond, inject)


def stream_at(site: str) -> Inject:
    return Inject(streams={"a": Stream({site: torch.ones(1)}, {site: torch.ones(1)}, torch.tensor(1.0))})


@pytest.mark.parametrize(
    ("inject", "complaint"),
    [
        (Inject(attend={"blocks.1.attn2": identity}), "attend: no attention 'blocks.1.attn2'"),
        (Inject(skips=frozenset({"blocks.3"})), "skips: no block 'blocks.3'; use blocks.0 to blocks.2"),
        (stream_at("blocks.0.attn"), "streams: no norms for the pixels alone"),
        (stream_at("mid"), "streams: no attention 'mid'"),
    ],
)
def test_a_transformer_refuses_what_it_does_not_have(inject: Inject, complaint: str) -> None:
    with pytest.raises(BadValue, match=complaint):
        asked(mmdit(), inject)
