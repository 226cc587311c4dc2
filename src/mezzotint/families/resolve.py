"""From a checkpoint to its family: names and shapes tell the networks, small files and family data the rest.

Takes a checkpoint whose headers are read. Gives the family with this very model's geometry, the table that loads it
and the prediction as far as it is known. Reads no weights; a model that is none of the families is a typed error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from torch import Tensor

from mezzotint.families import configs
from mezzotint.families.checkpoint import FOLDER, Checkpoint
from mezzotint.families.decide import Decided, decide
from mezzotint.families.family import Family
from mezzotint.families.fitted import PICTURES, Found, fitted
from mezzotint.families.geometry import Shape, Shapes
from mezzotint.families.kinds import MODEL, hint_for, kind_of
from mezzotint.families.layouts import folder, single_file
from mezzotint.families.parts import Piece, placed, shapes_of
from mezzotint.families.signs import Joint, Sign, Signed, signed
from mezzotint.families.tables import folder_for, single_file_for
from mezzotint.families.terminal import Ending, ended, ending
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.weights.files import Joined, TensorSource
from mezzotint.weights.layout import Layout


@dataclass(frozen=True)
class Resolved:
    """A checkpoint that can be opened. `decided_by` says for each question what answered it; `parts` by our names are
    read from files of their own."""

    checkpoint: Checkpoint
    family: Family
    table: Layout
    decided: Decided | None
    decided_by: Mapping[str, str]
    parts: Mapping[str, Piece] = field(default_factory=dict[str, Piece])

    @property
    def source(self) -> TensorSource:
        """All files that the tensors are read from, as one."""
        pieces = {f"{part}:": piece.source for part, piece in self.parts.items()}
        whole = self.checkpoint.source
        return Joined(self.checkpoint.path, {"": whole, **pieces}) if pieces else whole

    def load(self) -> dict[str, Tensor]:
        """All tensors by our names, in their stored types. Raises WeightsMismatch."""
        loaded = _without(self.table.load(self.checkpoint.source), self.parts)
        for part, piece in self.parts.items():
            loaded |= {f"{part}.{name}": t for name, t in piece.table.load(piece.source).items()}
        return loaded


def resolve(
    checkpoint: Checkpoint, chosen: str | None, zero_snr: str | None = None, pieces: Sequence[Piece] = ()
) -> Resolved:
    """The family, table and prediction of a checkpoint; `chosen` is an explicit prediction, `zero_snr` an explicit end
    of its noise, `pieces` are parts in files of their own, which are used instead of the checkpoint's.

    Raises BadModelFile (not a model of a family here, or settings it does not have), WeightsMismatch and BadValue.
    """
    kind = kind_of((*checkpoint.source, *(name for piece in pieces for name in piece.source)))
    if kind != MODEL:
        raise BadModelFile(checkpoint.path, f"is {kind}, not a model to draw with", hint=hint_for(kind))
    configs.check_fixed(checkpoint)
    table = (folder_for if checkpoint.layout == FOLDER else single_file_for)(checkpoint.source)
    shapes = shapes_of(table, checkpoint.source)
    found = signed(_sign(checkpoint, shapes), checkpoint)
    parts = placed(pieces, found.family, shapes)
    shapes = _without(shapes, parts) | {
        f"{p}.{n}": s for p, piece in parts.items() for n, s in piece.shapes.items()
    }
    texts = folder.texts_in(checkpoint.source) if checkpoint.layout == FOLDER else {}
    folders = {ours: theirs.removesuffix("/") for theirs, ours in texts.items()}
    try:
        family = fitted(found.family, Found(checkpoint, shapes, folders, frozenset(parts)))
    except BadValue as error:
        raise BadModelFile(checkpoint.path, f"has sizes no network can have ({error.message})") from None
    end = ending(zero_snr, checkpoint)
    family = ended(family, end.pure)
    decided = decide(chosen, checkpoint, family)
    side = configs.side(checkpoint, family) or (
        family.sides.get(decided.prediction.name) if decided else None
    )
    if side is not None:
        family = replace(family, defaults=replace(family.defaults, width=side, height=side))
    reasons = _reasons(checkpoint, found, decided, end, parts)
    return Resolved(checkpoint, family, table, decided, reasons, parts)


T = TypeVar("T")


def _without(named: Mapping[str, T], parts: Iterable[str]) -> dict[str, T]:
    """What belongs to none of these parts."""
    gone = tuple(f"{part}." for part in parts)
    return {name: value for name, value in named.items() if not name.startswith(gone)}


def _sign(checkpoint: Checkpoint, shapes: Mapping[str, Shape]) -> Sign | Joint:
    """What the names and shapes of a checkpoint say of its family."""
    joint = Shapes(shapes, "mmdit.", checkpoint.path)
    if joint.has("blocks"):
        dual = any(joint.has(f"blocks.{i}.x.attn2") for i in range(joint.count("blocks")))
        return Joint(joint.has("blocks.0.x.attn.norm_q"), dual)
    unet = Shapes(shapes, "unet.", checkpoint.path)
    open_clip = any(name.startswith(single_file.CLIP_OPEN) for name in checkpoint.source)
    return Sign(
        texts=frozenset(name.partition(".")[0] for name in shapes) - {"unet", "autoencoder", *PICTURES},
        later=open_clip or unet.rank("mid.attention.proj_in.weight") == 2,
        extra=unet.side("conv_in.weight", 1) - unet.side("conv_out.weight", 0),
        added=unet.has("added_in"),
        classes=unet.has("classes"),
    )


def _reasons(
    checkpoint: Checkpoint,
    found: Signed,
    decided: Decided | None,
    end: Ending,
    parts: Mapping[str, Piece],
) -> Mapping[str, str]:
    heads = next((file for file in (configs.UNET, configs.TRANSFORMER) if file in checkpoint.configs), None)
    return MappingProxyType(
        {
            "family": found.by,
            "geometry": "the shapes of the tensors",
            "heads": heads or f"the family: {found.family.title}",
            "prediction": decided.by if decided else "open until the network is run once",
            **({"zero SNR": end.by} if end.pure else {}),
            **{part: str(piece.source.path) for part, piece in parts.items()},
        }
    )
