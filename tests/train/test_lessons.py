"""What is trained beside a model: every step has its own batch, drawn from posteriors, and captions are dropped."""

from pathlib import Path

import pytest
import torch
from beside import Deep, cached, toy_base

from mezzotint.train.bases import Base
from mezzotint.train.hints import HINTS, hints_beside
from mezzotint.train.lessons import Lessons


@pytest.fixture(scope="module")
def base() -> Base:
    return toy_base()


def lessons(folder: Path, base: Base, dropped: float) -> Lessons:
    latents = cached(folder, base, hints_beside(HINTS["depth"](Deep())))
    return Lessons(base, latents, "hint", 3, 4, dropped)


def test_every_step_has_a_batch_of_its_own(tmp_path: Path, base: Base) -> None:
    made = lessons(tmp_path, base, 0.0)
    batches = made.batches(0)
    first, second = next(batches), next(batches)
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(second, next(made.batches(1)), strict=True))


def test_latents_are_drawn_from_their_posteriors(tmp_path: Path, base: Base) -> None:
    made = lessons(tmp_path, base, 0.0)
    mean, _, ids, beside = next(made.batches(0))
    still, moved = (
        made.lesson((mean, torch.full_like(mean, width), ids, beside), torch.Generator().manual_seed(0)).clean
        for width in (0.0, 2.0)
    )
    assert torch.equal(still, base.scaled(mean))
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(moved, base.scaled(mean + 2 * noise))


@pytest.mark.parametrize("dropped", [0.0, 1.0])
def test_captions_are_dropped_as_often_as_is_said(tmp_path: Path, base: Base, dropped: float) -> None:
    made = lessons(tmp_path, base, dropped)
    batch = next(made.batches(0))
    states = made.lesson(batch, torch.Generator().manual_seed(0)).states
    empty = base.captions.states(base.captions.ids(("",) * 4))
    own = base.captions.states(batch[2])
    assert torch.equal(states, empty if dropped else own) and not torch.equal(own, empty)
