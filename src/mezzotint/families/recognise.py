"""Says what a checkpoint is, for people: kind, family, layout, precision, and what decided each of them.

Takes a path, gives a `Recognised`. Reads headers and small files only; what cannot draw is described, not raised.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from types import MappingProxyType

from mezzotint.families import mini
from mezzotint.families.checkpoint import open_checkpoint
from mezzotint.families.fitting import fits
from mezzotint.families.kinds import ADD_ONS, MODEL, absent_in, kind_of
from mezzotint.families.registry import find
from mezzotint.families.resolve import Resolved, resolve
from mezzotint.values.errors import MezzotintError
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import open_tensors
from mezzotint.weights.header import TensorInfo
from mezzotint.weights.storage import SCALE


@dataclass(frozen=True)
class Recognised:
    """What is known of a checkpoint.

    `kind` is "a model" or what else it is; `family`, `prediction` ("noise" or "velocity") and `layout` are None where
    they are unknown; `pure_noise` says that it was trained up to it. `precision` is the type most values are stored in,
    `parameters` counts the values that are used (all, where it cannot be told). `needs` says what it draws from besides
    a text. `decided_by` names for each answer what gave it; `problems` say why it cannot draw. `fits` are the
    families that an add-on is made for, `missing` the parts of a model that are not there, `metadata` is the file's own
    text: anything.
    """

    path: Path
    kind: str
    family: str | None
    layout: str | None
    prediction: str | None
    pure_noise: bool
    precision: str
    parameters: int
    needs: tuple[str, ...]
    decided_by: Mapping[str, str]
    problems: tuple[str, ...]
    fits: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


def recognise(path: Path) -> Recognised:
    """What lies at `path`. Raises only when it cannot be read: ModelNotFound, PickleRefused, BadModelFile."""
    if (path / mini.GEOMETRY).is_file():
        return _trained(path)
    checkpoint = open_checkpoint(path)
    kind = kind_of(checkpoint.source)
    resolved: Resolved | None = None
    problems: tuple[str, ...] = ()
    try:
        resolved = resolve(checkpoint, None)
    except MezzotintError as error:
        problems = (str(error),)
    families, told = fits(kind, checkpoint.source)
    by = {"kind": "names of the tensors", **({"fits": told} if told else {})}
    absent = () if kind in ADD_ONS else absent_in(checkpoint.source)
    counted = resolved.table.match(checkpoint.source).taken if resolved else checkpoint.source
    sizes = _sizes(checkpoint.source[name] for name in counted)
    return Recognised(
        path=path,
        kind=kind,
        family=resolved.family.name if resolved else None,
        layout=checkpoint.layout if kind == MODEL else None,
        prediction=resolved.decided.prediction.name if resolved and resolved.decided else None,
        pure_noise=bool(resolved and resolved.family.pure_noise),
        precision=next((name for name, _ in sizes.most_common(1)), "none"),
        parameters=sizes.total(),
        needs=resolved.family.needs if resolved else (),
        decided_by=resolved.decided_by if resolved else MappingProxyType(by),
        problems=problems,
        fits=families,
        missing=tuple(sorted(resolved.family.missing)) if resolved else absent,
        metadata=checkpoint.source.metadata,
    )


def _trained(path: Path) -> Recognised:
    located, source = find(ModelUse(base=str(path))), open_tensors(path / mini.WEIGHTS)
    sizes = _sizes(info for name, info in source.items() if not name.endswith(SCALE))
    return Recognised(
        path=path,
        kind=MODEL,
        family=located.family.name,
        layout=located.kind,
        prediction=located.prediction.name if located.prediction else None,
        pure_noise=located.family.pure_noise,
        precision=next((name for name, _ in sizes.most_common(1)), "none"),
        parameters=sizes.total(),
        needs=located.family.needs,
        decided_by=located.decided_by,
        problems=(),
    )


def _sizes(tensors: Iterable[TensorInfo]) -> Counter[str]:
    """How many values are stored in each type."""
    sizes = Counter[str]()
    for info in tensors:
        sizes[str(info.dtype).removeprefix("torch.")] += prod(info.shape)
    return sizes
