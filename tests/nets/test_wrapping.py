"""Networks for seamless pictures: the numbers of circular padding, and nothing left on the network that was given."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mezzotint.nets.wrapping import wrapped
from nets.toys import autoencoder, error, inputs, unet

BOUND = 1e-6


def circular(network: nn.Module) -> nn.Module:
    """The reference: what the web UIs do for `Tiling`, on a deep copy."""
    twin = copy.deepcopy(network)
    for module in twin.modules():
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "circular"
    return twin


@torch.no_grad()
def test_both_axes_give_the_numbers_of_circular_padding() -> None:
    net = unet()
    x, t, cond = inputs()
    reference, plain = circular(net)(x, t, cond).sample, net(x, t, cond).sample
    assert error(wrapped(net, "both")(x, t, cond).sample, reference) <= BOUND
    assert error(plain, reference) > 1e-2
    parts = autoencoder()
    z, picture = x[:, :, :6], torch.tanh(x[:, :3])
    assert error(wrapped(parts, "both").decode(z), circular(parts).decode(z)) <= BOUND
    assert error(wrapped(parts, "both").encode(picture)[0], circular(parts).encode(picture)[0]) <= BOUND
    assert error(parts.decode(z), circular(parts).decode(z)) > 1e-2


@pytest.mark.parametrize(("axes", "pads"), [("x", (1, 1, 0, 0)), ("y", (0, 0, 1, 1))])
@torch.no_grad()
def test_one_axis_wraps_and_the_other_has_zeros(axes: str, pads: tuple[int, int, int, int]) -> None:
    conv = nn.Sequential(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.Conv2d(3, 3, 1))
    x = torch.randn(1, 2, 7, 9)
    padded = F.pad(F.pad(x, pads, mode="circular"), tuple(1 - pad for pad in pads))
    by_hand = conv[1](F.conv2d(padded, conv[0].weight, conv[0].bias, stride=2))
    assert error(wrapped(conv, axes)(x), by_hand) <= BOUND
    assert error(wrapped(conv, "both")(x), by_hand) > 1e-3


@pytest.mark.parametrize(("axes", "dims"), [("x", (3,)), ("y", (2,)), ("both", (2, 3))])
@torch.no_grad()
def test_rolling_the_input_rolls_the_output(axes: str, dims: tuple[int, ...]) -> None:
    """What there is of an edge is gone: a shift by whole steps of the network is a shift of the answer."""
    net = wrapped(unet(), axes)
    x, t, cond = inputs()

    def rolled(value: torch.Tensor) -> torch.Tensor:
        return value.roll([4] * len(dims), dims)

    assert error(net(rolled(x), t, cond).sample, rolled(net(x, t, cond).sample)) <= 1e-5
    plain = unet()
    assert error(plain(rolled(x), t, cond).sample, rolled(plain(x, t, cond).sample)) > 1e-2


@torch.no_grad()
def test_the_network_that_was_given_stays_as_it_is() -> None:
    net = unet()
    x, t, cond = inputs()
    before, state = net(x, t, cond).sample, repr(net)
    twin = wrapped(net, "both")
    twin(x, t, cond)
    assert torch.equal(net(x, t, cond).sample, before)
    assert repr(net) == state


@torch.no_grad()
def test_weights_are_the_same_objects() -> None:
    net = unet()
    x, t, cond = inputs()
    twin = wrapped(net, "x")
    ours, theirs = dict(net.named_parameters()), dict(twin.named_parameters())
    assert ours.keys() == theirs.keys() and all(ours[name] is theirs[name] for name in ours)
    before = twin(x, t, cond).sample
    net.conv_in.weight.mul_(2)
    assert error(twin(x, t, cond).sample, before) > 1e-3


def test_no_axis_is_the_network_itself() -> None:
    net = autoencoder()
    assert wrapped(net, None) is net


def test_padding_by_name_is_refused() -> None:
    with pytest.raises(TypeError, match="padded as 'same'"):
        wrapped(nn.Sequential(nn.Conv2d(1, 1, 3, padding="same")), "x")
