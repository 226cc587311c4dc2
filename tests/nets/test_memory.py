"""Keys and values that stand beside those of an attention: closed forms, whole networks, and what is refused."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from engine.followers import filled
from families.reduced import JOINT, SMALL1, SMALL2, SMALL_XL
from mezzotint.nets.attention import attend_within, nothing_within
from mezzotint.nets.conditioning import Conditioning, Grid, Inject, Memory
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.nets.unet_blocks import Attention
from mezzotint.values.errors import BadValue
from parity.nets_reference import error

FAR = 1e-3
FAMILIES = {family.name: family for family in (SMALL1, SMALL2, SMALL_XL, *JOINT.values())}


def heads(seed: int, length: int) -> Tensor:
    return torch.randn(2, 3, length, 4, generator=torch.Generator().manual_seed(seed))


def by_hand(q: Tensor, k: Tensor, v: Tensor, other: tuple[Tensor, Tensor], weight: Tensor) -> Tensor:
    """Weighted sums, written out: exp(q k') of a site's own, and `weight` B times that of the others."""
    own = (q @ k.transpose(2, 3) / 2).double().exp()
    far = weight.double()[:, None, None, None] * (q @ other[0].transpose(2, 3) / 2).double().exp()
    total = own.sum(-1, keepdim=True) + far.sum(-1, keepdim=True)
    return ((own @ v.double() + far @ other[1].double()) / total).float()


@pytest.mark.parametrize(
    "weight", [torch.tensor([1.0, 1.0]), torch.tensor([0.3, 2.0]), torch.tensor([0.0, 1.0])]
)
def test_it_is_one_attention_over_both(weight: Tensor) -> None:
    q, k, v, other = heads(1, 5), heads(2, 6), heads(3, 6), (heads(4, 7), heads(5, 7))
    within = replace(nothing_within(), memories=(Memory({"a": other}, weight),))
    found = attend_within(q, k, v, "a", within)
    assert error(found, by_hand(q, k, v, other, weight)) < 1e-5
    assert error(found, by_hand(q, k, v, other, weight + 0.1)) > FAR
    assert torch.equal(attend_within(q, k, v, "b", within), attend_within(q, k, v, "b", nothing_within()))
    if bool((weight == 1).all()):
        plain = replace(within, memories=(Memory({"a": other}),))
        assert error(found, attend_within(q, k, v, "a", plain)) < 1e-5


def test_of_two_memories_the_order_is_none() -> None:
    q, k, v = heads(1, 5), heads(2, 6), heads(3, 6)
    one, two = (
        Memory({"a": (heads(4, 7), heads(5, 7))}),
        Memory({"a": (heads(6, 2), heads(7, 2))}, torch.tensor(0.5)),
    )
    found = [
        attend_within(q, k, v, "a", replace(nothing_within(), memories=memories))
        for memories in ((one, two), (two, one), (one,), (two,))
    ]
    assert error(found[0], found[1]) < 1e-5 < FAR < min(error(found[2], found[0]), error(found[3], found[0]))


def network(name: str) -> UNet | MMDiT:
    geometry = FAMILIES[name].denoiser
    return filled(UNet(geometry) if isinstance(geometry, UNetGeometry) else MMDiT(geometry))


def given(net: UNet | MMDiT, seed: int = 1) -> tuple[Tensor, Tensor, Conditioning]:
    g, draw = net.geometry, torch.Generator().manual_seed(seed)
    channels = g.in_channels if isinstance(g, UNetGeometry) else g.channels
    tokens = torch.randn(2, 7, g.context, generator=draw)
    added = g.added if isinstance(g, UNetGeometry) else None
    width = added.pooled if added is not None else 0 if isinstance(g, UNetGeometry) else g.pooled
    pooled = torch.randn(2, width, generator=draw) if width else None
    numbers = torch.rand(2, added.numbers, generator=draw) * 64 if added is not None else None
    x = torch.randn(2, channels, 8, 8, generator=draw)
    return x, torch.tensor([400.0, 400.0]), Conditioning(tokens, pooled, numbers)


def seen(net: UNet | MMDiT, x: Tensor, t: Tensor, cond: Conditioning) -> Mapping[str, tuple[Tensor, Tensor]]:
    pairs = net(x, t, cond, Inject(recalled=net.own_sites)).pairs
    assert pairs.keys() == net.own_sites
    return pairs


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_remembering_what_is_there_anyway_changes_nothing(name: str) -> None:
    """Every key twice weighs as every key once: of a network without text in the same attention, the answer stays."""
    net = network(name)
    x, t, cond = given(net)
    plain, other = net(x, t, cond).sample, given(net, 2)[0]
    same = net(x, t, cond, Inject(memories={"a": Memory(seen(net, x, t, cond))})).sample
    changed = net(x, t, cond, Inject(memories={"a": Memory(seen(net, other, t, cond))})).sample
    nothing = Memory(seen(net, other, t, cond), torch.tensor(0.0))
    assert error(net(x, t, cond, Inject(memories={"a": nothing})).sample, plain) < 1e-5
    assert error(changed, plain) > FAR
    if isinstance(net, UNet):
        assert error(same, plain) < 1e-5
    else:
        assert FAR < error(same, plain) < error(changed, plain)


@pytest.mark.parametrize("name", [SMALL1.name, SMALL2.name, SMALL_XL.name])
@torch.no_grad()
def test_it_is_what_the_states_themselves_would_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published way: what each attention of the picture to itself reads is kept, and stands behind its own."""
    net = network(name)
    x, t, cond = given(net)
    other = given(net, 2)[0]
    expected_of = Inject(memories={"a": Memory(seen(net, other, t, cond))})
    found = net(x, t, cond, expected_of).sample
    states: dict[str, Tensor] = {}
    forward = Attention.forward

    def keeping(self, h, source, within):
        states[self.site] = source
        return forward(self, h, source, within)

    def reading(self, h, source, within):
        own = self.site.endswith("attn1")
        return forward(self, h, torch.cat([source, states[self.site]], 1) if own else source, within)

    monkeypatch.setattr(Attention, "forward", keeping)
    net(other, t, cond)
    monkeypatch.setattr(Attention, "forward", reading)
    assert error(found, net(x, t, cond).sample) < 1e-5


@torch.no_grad()
def test_what_is_computed_instead_of_an_attention_remembers_nothing() -> None:
    net = network(SMALL1.name)
    x, t, cond = given(net)
    instead = {site: lambda q, k, v, grid: v for site in net.own_sites}
    memory = {"a": Memory(seen(net, given(net, 2)[0], t, cond))}
    assert torch.equal(
        net(x, t, cond, Inject(attend=instead, memories=memory)).sample,
        net(x, t, cond, Inject(attend=instead)).sample,
    )


def test_of_text_in_the_same_attention_the_pixels_alone_are_recalled() -> None:
    net = network("sd3-medium")
    x, t, cond = given(net)
    with torch.no_grad():
        pairs = seen(net, x, t, cond)
    assert {pair[0].shape[2] for pair in pairs.values()} == {Grid(4, 4).size}


def test_other_sites_are_refused() -> None:
    net = network(SMALL1.name)
    x, t, cond = given(net)
    pair = heads(1, 2), heads(2, 2)
    for inject in (
        Inject(recalled=frozenset({"nowhere"})),
        Inject(memories={"a": Memory({"nowhere": pair})}),
    ):
        with pytest.raises(BadValue, match="no attention 'nowhere'"):
            net(x, t, cond, inject)
    together = Inject(recalled=frozenset("a")).beside(Inject(recalled=frozenset("b")))
    assert together.recalled == {"a", "b"}
