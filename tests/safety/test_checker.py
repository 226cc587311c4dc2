"""Behaviour of the safety checker that needs no reference library."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from mezzotint.nets.checker import CheckerGeometry, SafetyChecker
from mezzotint.nets.vision import VisionGeometry
from mezzotint.safety.checker import check, flags
from mezzotint.values.errors import BadValue

TOWER = VisionGeometry(8, 4, 16, 1, 2, 24, "gelu", 4)


def checker() -> SafetyChecker:
    torch.manual_seed(0)
    return SafetyChecker(CheckerGeometry(TOWER, concepts=2, special=2)).eval()


@torch.no_grad()
def test_scores_are_cosines_above_thresholds() -> None:
    net = checker()
    net.concepts.copy_(torch.tensor([[2.0, 0, 0, 0], [0, 3.0, 0, 0]]))
    net.special.copy_(torch.tensor([[0, 0, 1.0, 0], [0, 0, 0, 1.0]]))
    net.concept_thresholds.fill_(0.605)
    net.special_thresholds.fill_(0.5)
    plain, strict = torch.tensor([[0.6, 0.8, 0, 0]]), torch.tensor([[0.6, 0, 0.8, 0]])
    checked = net.judged(torch.cat([plain, strict]))
    assert torch.allclose(checked.concepts, torch.tensor([[-0.005, 0.195], [0.005, -0.595]]), atol=1e-6)
    assert torch.allclose(checked.special, torch.tensor([[-0.5, -0.5], [0.3, -0.49]]), atol=1e-6)
    assert checked.flagged.tolist() == [True, True]
    assert net.judged(strict / 7).flagged.tolist() == [True]
    net.special_thresholds.fill_(0.9)
    assert net.judged(strict).flagged.tolist() == [False]


def test_pictures_of_any_size() -> None:
    net = checker()
    pictures = [Image.new("RGB", (30, 20), (200, 10, 10)), Image.new("L", (8, 8))]
    checked = check(net, pictures)
    assert flags(net, pictures) == tuple(checked.flagged.tolist())
    assert checked.flagged.shape == (2,) and checked.concepts.shape == (2, 2)
    assert torch.allclose(check(net, pictures[1:]).concepts, checked.concepts[1:], atol=2e-3)
    with pytest.raises(BadValue):
        check(net, [])


def test_bad_geometry() -> None:
    with pytest.raises(BadValue):
        CheckerGeometry(replace(TOWER, projection=None))
    with pytest.raises(BadValue):
        CheckerGeometry(TOWER, concepts=0)
