"""Reads textual inversions: the vectors that a word was taught to be, in every form of file in use.

Takes a path. Gives an `Inversion`: the word and its rows for each text encoder. Forms: A1111's .pt, `emb_params`,
diffusers' learned_embeds (several vectors as one tensor or as numbered words), pairs for SDXL's two encoders. Knows no
encoder and no prompt. Paper: Gal et al. 2022.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.families.kinds import INVERSION, UNKNOWN, hint_for, kind_of
from mezzotint.values.errors import BadModelFile, shorten
from mezzotint.weights.files import TensorSource, open_tensors

MOST = 75
"""More vectors than a text has places for."""
ENCODERS = ("clip_l", "clip_g", "t5xxl")
"""The names of SDXL's and SD 3's text encoders in files for several of them."""
_SINGLE = re.compile(r"emb_params|string_to_param\.\*")
_NUMBERED = re.compile(r"(.+)_(\d{1,3})")


@dataclass(frozen=True, eq=False)
class Inversion:
    """A taught word. `vectors` are N D in float32, by the encoder they were taught to, or under "" for the only one."""

    path: Path
    word: str
    vectors: Mapping[str, Tensor]

    def rows(self, encoder: str, width: int) -> Tensor:
        """The vectors N D for a text encoder, named as in ENCODERS ("": the only one of its model), of this width.

        Raises BadModelFile: taught to another text encoder.
        """
        rows = self.vectors.get("", self.vectors.get(encoder))
        if rows is None:
            known = " and ".join(name for name in ENCODERS if name in self.vectors)
            which = f"has no vectors for {encoder}, only for {known}" if encoder else f"was taught to {known}"
            raise BadModelFile(self.path, which, "use one made for this model family")
        if rows.shape[1] != width:
            raise BadModelFile(
                self.path,
                f"has vectors of width {rows.shape[1]} for a text encoder of {width}",
                "use one made for this model family",
            )
        return rows


def open_inversion(path: Path) -> Inversion:
    """The textual inversion in the file `path`; its word is the one in the file, or else the name of the file.

    Raises ModelNotFound, PickleRefused and BadModelFile: another kind of file, vectors that are no numbers.
    """
    return inversion_in(open_tensors(path))


def inversion_in(source: TensorSource) -> Inversion:
    """`open_inversion` for tensors that are already opened."""
    names = list(source)
    kind = kind_of(names)
    if kind not in (INVERSION, UNKNOWN):
        hint = hint_for(kind, "use a textual inversion")
        raise BadModelFile(source.path, f"is {kind}, not a textual inversion", hint)
    word = source.metadata.get("name") or source.path.stem
    if set(names) & set(ENCODERS):
        found = {name: _vectors(source, name) for name in names if name in ENCODERS}
        unknown = [name for name in names if name not in ENCODERS]
    elif single := [name for name in names if _SINGLE.fullmatch(name)]:
        found = {"": _vectors(source, single[0])}
        unknown = [name for name in names if name != single[0] and not name.startswith("string_to_token")]
    else:
        word, found, unknown = _learned(source, names)
    if unknown:
        raise BadModelFile(
            source.path,
            f"is no textual inversion: it holds {len(unknown)} other tensors ({shorten(unknown[0])})",
            "use another file",
        )
    return Inversion(source.path, word, MappingProxyType(found))


def _learned(source: TensorSource, names: list[str]) -> tuple[str, dict[str, Tensor], list[str]]:
    """diffusers: one word as its own key, or its vectors one by one as word, word_1, word_2 ..."""
    if not names or any(len(source[name].shape) not in (1, 2) for name in names):
        raise BadModelFile(source.path, "is no textual inversion", "use another file")
    word = min(names, key=len)
    order = {word: 0}
    for name in names:
        found = _NUMBERED.fullmatch(name)
        if found and found[1] == word:
            order[name] = int(found[2])
    rows = [_vectors(source, name) for name in sorted(order, key=lambda name: order[name])]
    if len({part.shape[1] for part in rows}) != 1:
        raise BadModelFile(source.path, "has vectors of different widths", "use another file")
    return word, {"": _checked(source, word, torch.cat(rows))}, [name for name in names if name not in order]


def _vectors(source: TensorSource, name: str) -> Tensor:
    return _checked(source, name, source.tensor(name).float())


def _checked(source: TensorSource, name: str, vectors: Tensor) -> Tensor:
    rows = vectors[None] if vectors.dim() == 1 else vectors
    if rows.dim() != 2 or not 0 < rows.shape[0] <= MOST or not rows.shape[1]:
        raise BadModelFile(
            source.path, f"{shorten(name)} is no list of 1 to {MOST} vectors ({list(vectors.shape)})"
        )
    if not bool(rows.isfinite().all()):
        raise BadModelFile(source.path, f"{shorten(name)} holds values that are no numbers")
    return rows
