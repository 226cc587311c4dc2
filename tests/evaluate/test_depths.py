"""Agreement in depth: perfect, opposite and blind judges, and what counts within things alone."""

import pytest
import torch

from mezzotint.evaluate.depths import agreements, agreements_within, told


def scene() -> torch.Tensor:
    """Two depths: a cone and a flat square, on ground."""
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    cone = (1 - ((x - 8) ** 2 + (y - 8) ** 2).sqrt() / 6).clamp(min=0)
    square = torch.zeros(16, 16)
    square[2:9, 3:12] = 0.6
    return torch.stack([cone, square])[:, None]


def test_the_same_depth_in_any_unit_agrees():
    truth = scene()
    assert agreements(truth, truth) == pytest.approx([1, 1], abs=1e-5)
    assert agreements(5 - 3 * truth, truth) == pytest.approx([-1, -1], abs=1e-5)
    assert agreements(torch.ones_like(truth), truth) == [0, 0]
    other = agreements(truth.roll(5, -1), truth)
    assert all(-1 < value < 0.8 for value in other)


def test_within_things_an_outline_is_worth_nothing():
    truth = scene()
    outline = (truth > 0).float()
    assert agreements(outline, truth)[0] > 0.7
    assert agreements_within(outline, truth) == [0, 0]
    assert agreements_within(2 * truth + 1, truth)[0] == pytest.approx(1, abs=1e-5)


def test_a_judge_reads_pictures_as_files_hold_them():
    seen = []

    def judge(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return x.mean(1, keepdim=True)

    pictures = torch.rand(18, 3, 4, 4) * 3 - 1.5
    made = told(judge, pictures)
    assert made.shape == (18, 1, 4, 4) and [len(x) for x in seen] == [16, 2]
    levels = (torch.cat(seen) + 1) * 127.5
    assert torch.allclose(levels, levels.round(), atol=1e-4) and float(torch.cat(seen).abs().max()) <= 1
