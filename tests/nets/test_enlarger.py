"""The small upscaler: what it begins as, how far it looks, and that tiles are the whole."""

import pytest
import torch
from torch.nn import functional as F

from mezzotint.nets.enlarger import Enlarger, EnlargerGeometry
from mezzotint.values.errors import BadValue


def learned(geometry: EnlargerGeometry) -> Enlarger:
    """A network none of whose layers is silent."""
    torch.manual_seed(0)
    network = Enlarger(geometry)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_fresh_one_is_the_cubic_enlargement(factor):
    x = torch.rand(2, 3, 5, 4) * 2 - 1
    made = Enlarger(EnlargerGeometry(8, 2, factor))(x)
    assert torch.equal(made, F.interpolate(x, scale_factor=float(factor), mode="bicubic"))
    assert made.shape == (2, 3, 5 * factor, 4 * factor)


@pytest.mark.parametrize("blocks", [1, 3])
def test_it_looks_as_far_as_it_says_and_no_further(blocks):
    network = learned(EnlargerGeometry(4, blocks))
    reach = network.geometry.reach
    side = 2 * reach + 9
    x = torch.rand(1, 3, side, side, requires_grad=True)
    middle = side // 2
    network(x)[0, :, 2 * middle, 2 * middle].sum().backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0).nonzero() - middle
    assert int(seen.abs().max()) == reach


def test_a_tile_with_its_surroundings_is_a_part_of_the_whole():
    network = learned(EnlargerGeometry(4, 1))
    reach, x = network.geometry.reach, torch.rand(1, 3, 24, 24)
    tile = network(x[..., : 12 + reach, :])[..., :24, :]
    assert torch.allclose(tile, network(x)[..., :24, :], atol=1e-5)
    assert not torch.allclose(network(x[..., :12, :]), network(x)[..., :24, :], atol=1e-3)


def test_sizes_of_nothing_are_refused():
    with pytest.raises(BadValue):
        EnlargerGeometry(width=0)
    with pytest.raises(BadValue):
        EnlargerGeometry(factor=1)
