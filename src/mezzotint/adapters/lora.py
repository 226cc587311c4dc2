"""Opens an adapter file for one model: every layer of it found among the weights, and fitting.

Takes the path of a file and the names of a model. Gives an `Adapter`, which changes nothing by itself. What does not
fit is one error that lists it. Knows no network and no strength.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.adapters.dialects import layers_of
from mezzotint.adapters.names import Names
from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.delta import Delta, Shape
from mezzotint.weights.files import TensorSource, open_tensors
from mezzotint.weights.layout import Placed


@dataclass(frozen=True, eq=False)
class Adapter:
    """The changes in one file, each at its place among our weights. Compared by identity."""

    path: Path
    changes: tuple[tuple[Placed, Delta], ...]

    def within(self, parts: Collection[str], inside: bool) -> "Adapter":
        """Its changes to the networks named `parts`, or (`inside` False) those to all others."""
        chosen = [one for one in self.changes if (one[0].ours[0].split(".")[0] in parts) == inside]
        return Adapter(self.path, tuple(chosen))


def open_adapter(path: Path, names: Names, shapes: Mapping[str, Shape]) -> Adapter:
    """The adapter in the file `path` for a model with these names and shapes of weights.

    Raises ModelNotFound, PickleRefused, BadModelFile, and WeightsMismatch when it is made for another model.
    """
    return bound(open_tensors(path), names, shapes)


def bound(source: TensorSource, names: Names, shapes: Mapping[str, Shape]) -> Adapter:
    """`open_adapter` for tensors that are already opened."""
    numbered = names.numbered(source.metadata)
    changes: list[tuple[Placed, Delta]] = []
    unknown: list[str] = []
    wrong: list[str] = []
    for layer in layers_of(source):
        place = numbered.get(layer.module) if layer.leaf == "weight" else None
        place = place or names.find(layer.module, layer.leaf)
        if place is None and not layer.needed:
            continue
        if place is None:
            unknown.append(f"{layer.module}.{layer.leaf}")
        elif not layer.delta.fits(their_shape(place, shapes)):
            wrong.append(f"{layer.module}.{layer.leaf}")
        else:
            changes.append((place, layer.delta))
    if unknown or wrong:
        raise WeightsMismatch(source.path, unexpected=unknown, wrong_shape=wrong)
    return Adapter(source.path, tuple(changes))


def their_shape(place: Placed, shapes: Mapping[str, Shape]) -> Shape:
    """The shape that the weight at `place` has in their file."""
    return tuple(theirs(place, [torch.empty(shapes[name], device="meta") for name in place.ours]).shape)


def theirs(place: Placed, ours: list[Tensor]) -> Tensor:
    """Our weights at `place` as the one weight that their file has for them."""
    return place.op.backward(ours)
