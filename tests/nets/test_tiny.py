"""Behaviour of the tiny autoencoder that needs no reference library."""

import pytest
import torch

from mezzotint.nets.tiny import FACTOR, TinyAutoencoder, TinyGeometry
from mezzotint.values.errors import BadValue


def net() -> TinyAutoencoder:
    torch.manual_seed(0)
    return TinyAutoencoder(TinyGeometry(4, 8)).eval()


@torch.no_grad()
def test_there_and_back_keeps_the_size() -> None:
    x = torch.rand(2, 3, 16, 40, generator=torch.Generator().manual_seed(1))
    assert net().encode(x).shape == (2, 4, 16 // FACTOR, 40 // FACTOR)
    assert torch.equal(net()(x), net().decode(net().encode(x))) and net()(x).shape == x.shape


@torch.no_grad()
def test_latents_far_out_are_pressed_together() -> None:
    z = torch.ones(1, 4, 2, 2)
    far, farther = net().decode(30 * z), net().decode(60 * z)
    assert torch.allclose(far, farther, atol=1e-5)
    assert not torch.allclose(net().decode(z), far, atol=1e-3)


def test_bad_sizes() -> None:
    with pytest.raises(BadValue, match="multiples of 8"):
        net().encode(torch.zeros(1, 3, 16, 20))
    with pytest.raises(BadValue):
        TinyGeometry(0)
