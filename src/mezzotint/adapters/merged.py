"""Adapters merged into a model's weights in place, restacked, weighted anew and taken out without residue.

Takes the weights that a model computes with, and a way to read each of them as it was before any adapter. Every
change starts from there, nothing is ever subtracted, so taking all adapters out gives the first bytes back. Knows no
device (values are copied to where the weights are) and no file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from mezzotint.adapters.lora import Adapter, theirs
from mezzotint.weights.delta import Delta
from mezzotint.weights.layout import Placed

Use = tuple[Adapter, float]
"""An adapter and its strength; 1 is the strength it was trained at, 0 is none."""


class Merged:
    """The weights `live` (by our names) of one opened model, which nobody else may write to meanwhile.

    `original` gives a weight as it was stored, in any float type. Every adapter acts on what those before it made;
    for sums, which nearly all are, their order only matters in the last bits.
    """

    def __init__(self, live: Mapping[str, Tensor], original: Callable[[str], Tensor]) -> None:
        self._live, self._original = live, original
        self._uses: tuple[Use, ...] = ()
        self._dirty: set[str] = set()

    @property
    def uses(self) -> tuple[Use, ...]:
        """What is merged now."""
        return self._uses

    def set(self, uses: Sequence[Use]) -> None:
        """Make the weights exactly the original ones with `uses` merged in this order; () is the original model.

        Weights whose changes stay the same are not touched. Whatever is raised on the way (no memory), the model
        is then without adapters.
        """
        wanted = tuple((adapter, weight) for adapter, weight in uses if weight != 0)
        if wanted == self._uses:
            return
        try:
            old, new = _by_group(self._uses, wanted)
            for group, changes in new.items():
                if changes != old.get(group):
                    self._write(group, changes)
        except BaseException:
            self._restore()
            raise
        self._uses = wanted

    def _restore(self) -> None:
        self._uses = ()
        for name in list(self._dirty):
            with suppress(MemoryError):
                self._write((name,), ())

    @torch.no_grad()
    def _write(self, group: tuple[str, ...], changes: "Changes") -> None:
        values = {name: self._original(name).float() for name in group}
        for place, delta, weight in changes:
            whole = theirs(place, [values[name] for name in place.ours])
            changed = whole + weight * delta.change(whole)
            values.update(zip(place.ours, place.op.forward(changed), strict=True))
        self._dirty.update(group)
        for name, value in values.items():
            self._live[name].copy_(value)
        if not changes:
            self._dirty.difference_update(group)


Changes = tuple[tuple[Placed, Delta, float], ...]


def _by_group(old: tuple[Use, ...], new: tuple[Use, ...]) -> Iterator[dict[tuple[str, ...], Changes]]:
    """The changes of both stacks, each by the weights that have to be made together: those of fused layers."""
    group_of: dict[str, tuple[str, ...]] = {}
    for adapter, _ in (*old, *new):
        for place, _ in adapter.changes:
            together = sorted({n for ours in place.ours for n in (ours, *group_of.get(ours, ()))})
            group_of.update(dict.fromkeys(together, tuple(together)))
    for uses in (old, new):
        gathered: dict[tuple[str, ...], list[tuple[Placed, Delta, float]]] = {
            group: [] for group in group_of.values()
        }
        for adapter, weight in uses:
            for place, delta in adapter.changes:
                gathered[group_of[place.ours[0]]].append((place, delta, weight))
        yield {group: tuple(changes) for group, changes in gathered.items()}
