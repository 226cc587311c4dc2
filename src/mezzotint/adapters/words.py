"""The textual inversions of one model: what the files that a recipe names teach each of its text encoders.

Takes a family, names and files. Gives the words by encoder; changes no weight. A file that was made for another family
is a typed error. Knows no prompt and no recipe.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.adapters.inversion import Inversion, open_inversion
from mezzotint.adapters.model import Stamp, stamp
from mezzotint.families.family import Family
from mezzotint.families.t5_part import T5Part
from mezzotint.families.taught import NO_WORDS, TaughtWords, Words

IN_FILES: Mapping[str, str] = MappingProxyType(
    {"text": "", "text_l": "clip_l", "text_g": "clip_g", "t5": "t5xxl"}
)
"""What files for several text encoders call ours, where it is another name; an only one has no name there."""


class ModelWords:
    """The inversions that are open for one model; those of the call before are kept open."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._opened: dict[tuple[Path, Stamp], Inversion] = {}

    def taught(self, wanted: Sequence[tuple[str, Path]]) -> TaughtWords:
        """What these files, each under a name, teach the encoders of the model.

        Raises ModelNotFound, PickleRefused, and BadModelFile: no inversion, or one for another model family.
        """
        keys = [(path, stamp(path)) for _, path in wanted]
        self._opened = {key: self._opened.get(key) or open_inversion(key[0]) for key in keys}
        if not wanted:
            return NO_WORDS
        files = {name: self._opened[key] for (name, _), key in zip(wanted, keys, strict=True)}
        rows = {name: rows_for(self._family, file) for name, file in files.items()}
        return MappingProxyType(
            {
                part.name: Words.of({n: own[part.name] for n, own in rows.items()}, part.geometry.vocab)
                for part in self._family.texts
                if part.name not in self._family.missing
            }
        )


def rows_for(family: Family, inversion: Inversion) -> dict[str, Tensor]:
    """The vectors of one file for each text encoder that `family` has. Raises BadModelFile: made for another one.

    Files for SD 3 mostly teach its two CLIP encoders only; T5 then reads nothing in the word's place, as in ComfyUI.
    """
    found: dict[str, Tensor] = {}
    for part in (part for part in family.texts if part.name not in family.missing):
        name, width = IN_FILES.get(part.name, part.name), part.geometry.width
        silent = isinstance(part, T5Part) and name not in inversion.vectors
        found[part.name] = torch.empty(0, width) if silent else inversion.rows(name, width)
    return found
