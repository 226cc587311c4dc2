"""Weights from a reference to ours through a layout table and back: names and mathematics are proved together."""

from pathlib import Path

import torch
from torch import Tensor, nn

from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout
from parity.nets_reference import fill


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[n].dtype == b[n].dtype and torch.equal(a[n], b[n]) for n in a)


def moved(theirs: dict[str, Tensor], layout: Layout, ours: nn.Module) -> None:
    """`theirs` into `ours`: every weight of ours is filled, and comes back out under their names, equal to the bit."""
    path = Path("reference")
    loaded = layout.load(InMemory(path, theirs))
    ours.load_state_dict(loaded)
    taken = layout.match(theirs).taken
    assert len(taken) > 2
    back = layout.export(InMemory(path, ours.state_dict()))
    assert same(back, {name: theirs[name] for name in taken})


def shared(reference: nn.Module, layout: Layout, ours: nn.Module, seed: int = 0) -> None:
    """Random weights in the reference, and the same in ours."""
    fill(reference, seed)
    moved(dict(reference.state_dict()), layout, ours)
