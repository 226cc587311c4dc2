"""The adapters of one opened model: the files that are wanted, and no others, are merged into it.

Takes an opened model, what it was opened from, and a list of files with strengths. Gives nothing: the model's weights
are then changed in place, by the empty list back to the first bytes. Knows no recipe and no prompt.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import Tensor

from mezzotint.adapters.lora import Adapter, open_adapter
from mezzotint.adapters.merged import Merged, Use
from mezzotint.adapters.names import Names, spellings
from mezzotint.families.assemble import weights_of
from mezzotint.families.family import Model
from mezzotint.families.registry import Located, open_model
from mezzotint.values.errors import ModelNotFound

Stamp = tuple[int, int, int]
"""Inode, size and time of change of a file."""


class ModelAdapters:
    """What is merged into one model. One for each opened model; the model is nobody else's to change."""

    def __init__(self, model: Model, original: Callable[[str], Tensor]) -> None:
        self._live = weights(model)
        self._names = Names(spellings(model.family), self._live)
        self._shapes = {name: tuple(tensor.shape) for name, tensor in self._live.items()}
        self._merged = Merged(self._live, original)
        self._texts = frozenset(part.name for part in model.family.texts)
        self._opened: dict[tuple[Path, Stamp], Halves] = {}

    def use(self, wanted: Sequence[tuple[Path, float]]) -> None:
        """`merge` of `opened`: these files at these strengths in this order, and no others; () is the model itself.

        Raises ModelNotFound, PickleRefused, BadModelFile and WeightsMismatch; the model is then as it was before.
        """
        self.merge(self.opened([(path, weight, None) for path, weight in wanted]))

    def opened(self, wanted: Sequence[tuple[Path, float, float | None]]) -> tuple[Use, ...]:
        """These files opened for this model, each with its strength and, where it is another one, that for the text
        encoders; those of the call before are kept open. Raises as `use` does."""
        keys = [(path, stamp(path)) for path, _, _ in wanted]
        opened = {key: self._opened.get(key) or self._open(key[0]) for key in keys}
        self._opened = opened
        uses: list[Use] = []
        for key, (_, weight, text_weight) in zip(keys, wanted, strict=True):
            halves = opened[key]
            if text_weight is None:
                uses.append((halves.whole, weight))
            else:
                uses += [(halves.texts, text_weight), (halves.rest, weight)]
        return tuple(uses)

    def merge(self, uses: Sequence[Use]) -> None:
        """Make these the adapters of the model; nothing happens when they are already."""
        self._merged.set(uses)

    def _open(self, path: Path) -> "Halves":
        whole = open_adapter(path, self._names, self._shapes)
        return Halves(whole, whole.within(self._texts, True), whole.within(self._texts, False))


@dataclass(frozen=True)
class Halves:
    """One opened file, `whole`, and in two: its changes to text encoders, and the `rest`."""

    whole: Adapter
    texts: Adapter
    rest: Adapter


def weights(model: Model) -> dict[str, Tensor]:
    """The tensors that `model` computes with, by our names."""
    return weights_of(model.networks)


def original_of(located: Located) -> Callable[[str], Tensor]:
    """Reads the weights of what was `located` as they are without adapters; the first call opens them.

    Those of a file are views of it, so nothing is kept twice. The file that is read is the one that `find` opened.
    """

    @cache
    def stored() -> Mapping[str, Tensor]:
        if located.resolved is None:
            return weights(open_model(located))
        return located.resolved.load()

    return lambda name: stored()[name]


def stamp(path: Path) -> Stamp:
    """What changes when the file is exchanged. Raises ModelNotFound."""
    try:
        seen = path.stat()
    except (OSError, ValueError):
        raise ModelNotFound(str(path), "check the path of the adapter: there is no such file") from None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
