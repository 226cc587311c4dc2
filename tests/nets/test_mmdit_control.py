"""Behaviour of the MMDiT's ControlNet that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.mmdit_control import MMDiTControl, MMDiTControlGeometry
from mezzotint.values.errors import BadValue
from nets.test_mmdit import TOY, inputs, net
from nets.toys import error, noisy

CONTROL = MMDiTControlGeometry(replace(TOY, layers=2, dual=0), TOY.layers, hint=5)
ONE = torch.tensor(1.0)


def hint() -> torch.Tensor:
    return torch.randn(2, 5, 8, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("reads", [True, False])
@torch.no_grad()
def test_a_fresh_one_adds_nothing_and_another_does(reads: bool) -> None:
    torch.manual_seed(0)
    control = MMDiTControl(replace(CONTROL, reads=reads)).eval()
    steered: MMDiT = net()
    plain = steered(*inputs()).sample
    assert torch.equal(steered(*inputs(), control(*inputs(), hint(), ONE)).sample, plain)
    noisy(control)
    assert error(steered(*inputs(), control(*inputs(), hint(), ONE)).sample, plain) > 1e-3
    assert torch.equal(steered(*inputs(), control(*inputs(), hint(), ONE * 0)).sample, plain)


@pytest.mark.parametrize("shape", [(2, 4, 8, 6), (1, 5, 8, 6), (2, 5, 8, 8)])
def test_a_hint_that_does_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadValue, match="same size"):
        MMDiTControl(CONTROL)(*inputs(), torch.zeros(shape), ONE)


@pytest.mark.parametrize("change", [{"hint": 0}, {"steered": 1}])
def test_bad_geometry(change: dict[str, int]) -> None:
    with pytest.raises(BadValue, match="cannot steer"):
        replace(CONTROL, **change)
