"""Parts of a model in files of their own: an autoencoder, or one text encoder, told by the names in them.

Takes a path. Gives a `Piece`, whose table reads it, and says which part of a family it is. Reads headers only. Knows
no whole models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mezzotint.families.family import Family, TextPart
from mezzotint.families.geometry import Shape
from mezzotint.families.kinds import kind_of
from mezzotint.families.layouts import (
    autoencoder_diffusers,
    autoencoder_ldm,
    clip_open,
    mmdit_checkpoint,
    single_file,
)
from mezzotint.values.errors import BadModelFile
from mezzotint.weights.files import InMemory, TensorSource, open_tensors
from mezzotint.weights.folders import open_folder
from mezzotint.weights.layout import Layout

AUTOENCODER = "autoencoder"
CLIP, T5 = "clip", "t5"
_PREFIXES = ("", single_file.AUTOENCODER, "vae.")
"""What stands before the names of an autoencoder that was cut out of a whole model."""


@dataclass(frozen=True)
class Piece:
    """One part in a file of its own: AUTOENCODER, CLIP or T5, with the `table` from its names to ours."""

    kind: str
    source: TensorSource
    table: Layout

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """The shapes of its weights by our names, without the name of the part."""
        return shapes_of(self.table, self.source)


def shapes_of(table: Layout, source: TensorSource) -> dict[str, Shape]:
    """Our names with the shapes their tensors will have; reads no data. Raises WeightsMismatch."""
    empty = {n: torch.empty(info.shape, dtype=info.dtype, device="meta") for n, info in source.items()}
    return {name: tuple(t.shape) for name, t in table.load(InMemory(source.path, empty)).items()}


def open_piece(path: Path) -> Piece:
    """The part in the file, or in the one folder of a diffusers model, at `path`.

    Raises what opening it raises, and BadModelFile for anything else than an autoencoder or a text encoder.
    """
    source = open_folder(path) if path.is_dir() else open_tensors(path)
    found = _autoencoder(source) or _text(source)
    if found is None:
        raise BadModelFile(
            path,
            f"is {kind_of(source)}, not an autoencoder or a text encoder alone",
            hint="give the file of one part; a whole model goes to --model",
        )
    return Piece(*found)


def _autoencoder(source: TensorSource) -> tuple[str, TensorSource, Layout] | None:
    for prefix in _PREFIXES:
        if f"{prefix}encoder.conv_in.weight" not in source:
            continue
        names = [name.removeprefix(prefix) for name in source]
        if any(name.startswith("encoder.down_blocks.") for name in names):
            table = autoencoder_diffusers.LAYOUT
        else:
            table = autoencoder_ldm.layout(autoencoder_ldm.levels_in(names))
        whole = any(not name.startswith((prefix, *table.dropped)) for name in source)
        return None if whole else (AUTOENCODER, source, table.under(prefix, ""))
    return None


def _text(source: TensorSource) -> tuple[str, TensorSource, Layout] | None:
    if any(name.startswith("encoder.block.") for name in source):
        return T5, source, mmdit_checkpoint.T5
    if any(name.endswith("embeddings.token_embedding.weight") for name in source):
        alone = all(
            name.startswith(("text_model.", "embeddings.", "encoder.", "final_", "text_", "logit_"))
            for name in source
        )
        return (CLIP, source, mmdit_checkpoint.CLIP) if alone else None
    if "token_embedding.weight" in source and not any(name.startswith("visual.") for name in source):
        return CLIP, source, clip_open.LAYOUT
    return None


def placed(pieces: Sequence[Piece], family: Family, shapes: Mapping[str, Shape]) -> dict[str, Piece]:
    """The pieces by the name of the part of `family` that each is; `shapes` are those of the model they are for, by our
    names. Raises BadModelFile: no such part, or twice one."""
    found: dict[str, Piece] = {}
    for piece in pieces:
        name = _place(piece, family, shapes)
        if name is None:
            raise BadModelFile(
                piece.source.path,
                f"is a text encoder that {family.title} does not have",
                hint="leave it out, or draw with a model that reads it",
            )
        if name in found:
            raise BadModelFile(
                piece.source.path,
                f"is the same part ({name}) as {found[name].source.path.name}",
                hint="give each part once",
            )
        found[name] = piece
    return found


def _place(piece: Piece, family: Family, shapes: Mapping[str, Shape]) -> str | None:
    if piece.kind == AUTOENCODER:
        return AUTOENCODER
    if piece.kind == T5:
        return next((part.name for part in family.texts if not isinstance(part, TextPart)), None)
    width = piece.shapes.get("token.weight", (0, 0))[-1]
    own = {
        part.name: shapes.get(f"{part.name}.token.weight", (part.geometry.width,)) for part in family.clips
    }
    exact = [name for name, shape in own.items() if shape[-1] == width]
    if exact or len(family.clips) == 1:
        return (exact or [family.text.name])[0]
    # Of other sizes, the one that is pooled through a projection carries it.
    projected = "projection.weight" in piece.shapes
    return next(part.name for part in family.clips if bool(part.geometry.projection) == projected)
