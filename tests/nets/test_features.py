"""Means and deviations of features: closed forms, what they change in a UNet, and what they leave."""

import pytest
import torch
from torch import Tensor

from mezzotint.nets.attention import Within, nothing_within, within_of
from mezzotint.nets.conditioning import Conditioning, Inject, Manner, Moments
from mezzotint.nets.features import in_manner, moments_of
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.values.errors import BadValue
from parity.nets_reference import fill

GEOMETRY = UNetGeometry(4, 4, (8, 16, 16), 1, (True, True, False), (2, 2, 2), 6, norm_groups=4)
SITE = "mid"


def features(seed: int, gain: float = 1.0, shift: float = 0.0) -> Tensor:
    return torch.randn(2, 5, 6, 4, generator=torch.Generator().manual_seed(seed)) * gain + shift


def within(*manners: Manner, felt: frozenset[str] = frozenset()) -> Within:
    inject = Inject(manners={str(n): one for n, one in enumerate(manners)}, felt=felt)
    return within_of(inject, frozenset(), frozenset(), planes=frozenset({SITE}))


def shown(moments: Moments, weight: Tensor | None = None) -> Manner:
    return Manner({SITE: moments}, weight)


def test_moments_are_those_of_each_channel() -> None:
    x = features(1, 3.0, 2.0)
    mean, deviation = moments_of(x)
    assert mean.shape == deviation.shape == (2, 5, 1, 1)
    assert torch.allclose(mean[1, 2, 0, 0], x[1, 2].mean())
    assert torch.allclose(deviation[1, 2, 0, 0], x[1, 2].std(unbiased=False))
    constant = moments_of(torch.ones(1, 2, 3, 3))
    assert torch.equal(constant[0], torch.ones(1, 2, 1, 1)) and torch.allclose(
        constant[1], torch.tensor(1e-3)
    )


def test_all_of_a_manner_is_its_mean_and_deviation() -> None:
    """Huang & Belongie 2017, formula 8; a weight w goes w of the way, for each row its own."""
    x, other = features(1), features(2, 4.0, -3.0)
    wanted, own = moments_of(other), moments_of(x)
    made = in_manner(x, SITE, within(shown(wanted)))
    for got, told in zip(moments_of(made), wanted, strict=True):
        assert torch.allclose(got, told, atol=1e-4)
    assert torch.allclose((made - wanted[0]) / wanted[1], (x - own[0]) / own[1], atol=1e-4)
    rows = in_manner(x, SITE, within(shown(wanted, torch.tensor([0.0, 0.25]))))
    assert torch.allclose(rows[0], x[0], atol=1e-5)
    for got, told, first in zip(moments_of(rows), wanted, own, strict=True):
        assert torch.allclose(got[1], first[1] + 0.25 * (told[1] - first[1]), atol=1e-4)


def test_several_share_what_there_is_and_their_order_is_nothing() -> None:
    x, one, two = features(1), moments_of(features(2, 4.0, -3.0)), moments_of(features(3, 0.5, 1.0))
    both = in_manner(x, SITE, within(shown(one), shown(two)))
    for got, a, b in zip(moments_of(both), one, two, strict=True):
        assert torch.allclose(got, (a + b) / 2, atol=1e-4)
    turned = in_manner(x, SITE, within(shown(two), shown(one)))
    assert torch.allclose(both, turned, atol=1e-4)
    light = [torch.tensor(0.2), torch.tensor(0.3)]
    some = in_manner(x, SITE, within(shown(one, light[0]), shown(two, light[1])))
    for got, own, a, b in zip(moments_of(some), moments_of(x), one, two, strict=True):
        assert torch.allclose(got, 0.5 * own + 0.2 * a + 0.3 * b, atol=1e-4)


def test_where_nothing_is_said_features_are_themselves() -> None:
    x = features(1)
    assert in_manner(x, SITE, nothing_within()) is x
    there = within(shown(moments_of(x)), felt=frozenset({SITE}))
    assert in_manner(x, "elsewhere", there) is x
    felt = within(felt=frozenset({SITE}))
    assert in_manner(x, SITE, felt) is x
    assert all(torch.equal(a, b) for a, b in zip(felt.moments[SITE], moments_of(x), strict=True))
    half = features(1).bfloat16()
    assert in_manner(half, SITE, there).dtype == torch.bfloat16


def answer(net: UNet, inject: Inject | None) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x, text = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 3, 6, generator=generator)
    return net(x, torch.tensor(500), Conditioning(text), inject).sample


@torch.no_grad()
def test_a_unet_tells_and_takes_them_behind_every_block_but_the_finest() -> None:
    net = UNet(GEOMETRY).eval()
    fill(net)
    assert net.planes == {"mid", "down.1.0", "down.2.0", "up.0.0", "up.0.1", "up.1.0", "up.1.1"}
    generator = torch.Generator().manual_seed(7)
    x, text = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 3, 6, generator=generator)
    told = net(x, torch.tensor(500), Conditioning(text), Inject(felt=net.planes)).moments
    assert told.keys() == net.planes
    plain = answer(net, None)
    assert torch.equal(answer(net, Inject(felt=net.planes)), plain)
    seen = [answer(net, Inject(manners={"a": Manner({site: told[site]})})) for site in sorted(net.planes)]
    assert all(not torch.allclose(one, plain, atol=1e-4) for one in seen)
    own = net(x, torch.tensor(500), Conditioning(text)).sample
    same = net(x, torch.tensor(500), Conditioning(text), Inject(manners={"a": Manner(told)})).sample
    assert torch.allclose(same, own, atol=1e-4)
    for inject in (Inject(felt=frozenset({"down.0.0"})), Inject(manners={"a": Manner({"x": told["mid"]})})):
        with pytest.raises(BadValue, match="no features '"):
            answer(net, inject)
