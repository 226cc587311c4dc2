"""The small depth network: any size in, the same size out, and a lowest level that sees far."""

import pytest
import torch

from mezzotint.nets.small_depth import SmallDepth, SmallDepthGeometry
from mezzotint.values.errors import BadValue

SMALL = SmallDepthGeometry((4, 8, 8), layers=2, norm_groups=4)


def learned(geometry: SmallDepthGeometry) -> SmallDepth:
    """A network none of whose layers is silent."""
    torch.manual_seed(0)
    network = SmallDepth(geometry)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 8), (16, 9), (33, 64)])
def test_a_plane_is_as_large_as_its_picture(height, width):
    x = torch.rand(2, 3, height, width) * 2 - 1
    made = learned(SMALL)(x)
    assert made.shape == (2, 1, height, width) and made.isfinite().all()


def test_pictures_of_a_batch_do_not_see_each_other():
    network, x = learned(SMALL), torch.rand(3, 3, 12, 12)
    assert torch.allclose(network(x)[1:2], network(x[1:2]), atol=1e-5)
    assert not torch.allclose(network(x)[1:2], network(x[2:]), atol=1e-2)


def test_the_middle_is_seen_from_far_away():
    network = learned(SmallDepthGeometry((4, 4, 4, 4), norm_groups=4))
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    network(x)[0, 0, 16, 16].backward()
    assert x.grad is not None
    seen = x.grad[0].abs().sum(0) > 0
    assert seen[16, 16] and seen[2, 2] and seen[30, 30]


@pytest.mark.parametrize(
    "sizes", [{"widths": ()}, {"layers": 0}, {"widths": (4, 6), "norm_groups": 4}, {"pixels": 0}]
)
def test_sizes_that_no_network_has_are_refused(sizes):
    with pytest.raises(BadValue):
        SmallDepthGeometry(**sizes)


def test_other_channels_are_refused():
    with pytest.raises(BadValue, match="1 channels"):
        learned(SMALL)(torch.zeros(1, 1, 8, 8))
