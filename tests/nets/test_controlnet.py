"""Behaviour of ControlNet and T2I-Adapter that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.t2i_adapter import AdapterGeometry, T2IAdapter, sites
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import BadValue
from nets.toys import UNET, error, inputs, noisy, unet

GEOMETRY = ControlNetGeometry(UNET, (4, 8))
HINT = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_a_fresh_network_changes_nothing_and_a_trained_one_does() -> None:
    net, steered = ControlNet(GEOMETRY).eval(), unet()
    x, t, cond = inputs()
    plain = steered(x, t, cond).sample
    assert torch.equal(steered(x, t, cond, net(x, t, cond, HINT, torch.tensor(1.0))).sample, plain)
    noisy(net)
    one, half = (steered(x, t, cond, net(x, t, cond, HINT, torch.tensor(w))).sample for w in (1.0, 0.5))
    assert error(one, plain) > 1e-2 and error(half, one) > 1e-3
    assert torch.equal(steered(x, t, cond, net(x, t, cond, HINT, torch.tensor(0.0))).sample, plain)


@torch.no_grad()
def test_every_picture_has_a_weight_of_its_own() -> None:
    net = ControlNet(GEOMETRY).eval()
    noisy(net)
    x, t, cond = inputs()
    whole = net(x, t, cond, HINT, torch.tensor(1.0)).residuals
    split = net(x, t, cond, HINT, torch.tensor([1.0, 0.0])).residuals
    for site, value in split.items():
        assert torch.equal(value[0], whole[site][0]) and not value[1].any()


def test_hints_and_geometries_that_do_not_fit() -> None:
    net = ControlNet(GEOMETRY)
    x, t, cond = inputs()
    for hint in (HINT[:1], HINT[:, :2], HINT[..., :8], HINT[0]):
        with pytest.raises(BadValue, match="resize the hint"):
            net(x, t, cond, hint, torch.tensor(1.0))
    for change in ({"hint": ()}, {"hint": (0,)}, {"pixels": 0}):
        with pytest.raises(BadValue):
            replace(GEOMETRY, **change)  # pyright: ignore[reportArgumentType]


def test_gradients_reach_the_hint() -> None:
    net = ControlNet(GEOMETRY)
    noisy(net)
    x, t, cond = inputs()
    hint = HINT.clone().requires_grad_()
    net(x, t, cond, hint, torch.tensor(1.0)).residuals["mid"].square().sum().backward()
    assert hint.grad is not None and bool(hint.grad.any())


def test_where_an_adapter_adds() -> None:
    sd = UNetGeometry(4, 4, (32, 32, 32, 32), 2, (True, True, True, False), (1,) * 4, 8)
    xl = UNetGeometry(4, 4, (32, 32, 32), 2, (False, True, True), (1,) * 3, 8)
    assert sites(sd) == ("path.2", "path.5", "path.8", "path.11", "mid")
    assert sites(xl) == ("path.3", "path.5", "path.8", "mid")


@torch.no_grad()
def test_adapters_refuse_what_does_not_fit() -> None:
    g = AdapterGeometry((16, 32), (False, True), layers=1, unshuffle=2)
    net = T2IAdapter(g).eval()
    assert [f.shape[1] for f in net.features(HINT)] == [16, 32]
    assert [f.shape[-1] for f in net.features(HINT[..., :6])] == [3, 2]
    for hint in (HINT[..., :5], HINT[:, :1]):
        with pytest.raises(BadValue):
            net.features(hint)
    wrong = [{"channels": ()}, {"halved": (True,)}, {"layers": 0}, {"light": True, "channels": (3, 8)}]
    for change in wrong:
        with pytest.raises(BadValue):
            replace(g, **change)  # pyright: ignore[reportArgumentType]
    x, t, cond = inputs()
    steered = unet()
    far = steered(x, t, cond, net(HINT, UNET, torch.tensor(1.0))).sample
    assert error(steered(x, t, cond).sample, far) > 1e-3
