"""Behaviour of the T5 encoder that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from mezzotint.nets.t5 import T5_XXL, T5Geometry, T5Text
from mezzotint.values.errors import BadValue
from nets.toys import error

TOY = T5Geometry(40, 16, 2, 2, 8, 24)


@torch.no_grad()
def test_texts_of_a_batch_do_not_see_each_other_and_padding_is_read() -> None:
    torch.manual_seed(0)
    net = T5Text(TOY).eval()
    ids = torch.tensor([[3, 4, 5, 1], [6, 1, 0, 0]])
    states = net(ids)
    assert states.shape == (2, 4, 16)
    assert error(net(ids[1:]), states[1:]) <= 1e-6
    assert error(net(ids[1:, :2]), states[1:, :2]) > 1e-3
    assert error(net.to(torch.bfloat16)(ids).float(), states) <= 0.1


def test_it_learns_everywhere() -> None:
    torch.manual_seed(0)
    net = T5Text(replace(TOY, buckets=4, distance=8))
    net(torch.arange(40)[None]).sin().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())


@pytest.mark.parametrize("change", [{"heads": 0}, {"buckets": 6}, {"buckets": 0}, {"distance": 8}])
def test_bad_geometry(change: dict[str, int]) -> None:
    with pytest.raises(BadValue):
        replace(TOY, **change)


def test_the_published_size() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in T5Text(T5_XXL).parameters()) == 4_762_310_656
