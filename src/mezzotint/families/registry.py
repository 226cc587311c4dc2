"""Finds a model by name or path and opens it: the one door from a recipe's `ModelUse` to networks.

Takes a `ModelUse`. Gives a `Located` quickly (headers only), and from it an opened `Model`, float32 on the CPU. The
built-in models are rows of a table; files and folders are recognised by what is in them. Knows no device.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch

from mezzotint.diffusion.prediction import NOISE, PREDICTIONS, Prediction
from mezzotint.families import mini, partners, toy
from mezzotint.families.assemble import FLOAT32, assemble
from mezzotint.families.checkpoint import open_checkpoint
from mezzotint.families.family import Family, Model
from mezzotint.families.parts import open_piece
from mezzotint.families.resolve import Resolved, resolve
from mezzotint.families.shelf import folders, on_shelf
from mezzotint.families.signs import DISTILLED, FILED
from mezzotint.families.terminal import ended
from mezzotint.values.errors import BadValue, ModelNotFound, nearest
from mezzotint.values.names import YES
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.digest import digest_of
from mezzotint.weights.files import Passing

BUILT_IN = "built in"
TRAINED = "trained folder"
"""What `mezzotint train release` writes: the files of the embedded model, of another model."""


def _known(family: Family) -> Family:
    return family


FAMILIES: Mapping[str, Callable[[], Family]] = MappingProxyType(
    {
        "mini": mini.family,
        partners.VARIANT: partners.inpainting_family,
        "toy": lambda: toy.TOY,
        **{family.name: partial(_known, family) for family in (*FILED, *DISTILLED.values())},
    }
)
"""Every family by name. Calling it may read the data that the family is shipped with (ModelNotFound without it)."""

OPENERS: Mapping[str, Callable[[Family, Prediction | None], Model]] = MappingProxyType(
    {"mini": mini.open_mini, partners.VARIANT: partners.open_inpainting, "toy": toy.make}
)
"""The models that are part of the program."""


@dataclass(frozen=True)
class Located:
    """A model that was found but not opened. `path` is None for built-in ones, `resolved` for trained folders, too;
    `decided_by` says for each question what answered it; `prediction` is None where only running the network can tell;
    `parts` are the other files that it is made of."""

    family: Family
    path: Path | None
    kind: str
    decided_by: Mapping[str, str]
    prediction: Prediction | None
    resolved: Resolved | None = None
    parts: tuple[Path, ...] = ()


def find(use: ModelUse) -> Located:
    """The model of `use`: a built-in name, or the path of a file or folder. Reads no weights.

    Raises ModelNotFound, PickleRefused, Ambiguous, BadModelFile, WeightsMismatch, BadValue.
    """
    if use.base in OPENERS:
        return _described(FAMILIES[use.base](), None, use)
    path = _existing(use.base)
    if partners.is_variant(path):
        return _described(partners.inpainting_family(path), path, use)
    if (path / mini.GEOMETRY).is_file():
        return _described(mini.family(path), path, use)
    checkpoint, parts = open_checkpoint(path), tuple(_existing(part.file) for part in use.parts)
    resolved = resolve(checkpoint, use.prediction, use.zero_snr, [open_piece(part) for part in parts])
    prediction = resolved.decided.prediction if resolved.decided else None
    return Located(resolved.family, path, checkpoint.layout, resolved.decided_by, prediction, resolved, parts)


def files_of(use: ModelUse) -> tuple[Path, ...]:
    """Where the files or folders of a model lie; none of a built-in one. Looks into none of them.

    Raises ModelNotFound and Ambiguous.
    """
    if use.base in OPENERS:
        return ()
    return (_existing(use.base), *(_existing(part.file) for part in use.parts))


def _described(family: Family, path: Path | None, use: ModelUse) -> Located:
    """A model whose family is known without looking at names of weights. Raises BadValue for parts of other files."""
    if use.parts:
        raise BadValue("model", f"{family.title} takes no parts from other files", "leave them out")
    if use.zero_snr is not None:
        family = ended(family, use.zero_snr == YES)
    chosen = PREDICTIONS[use.prediction] if use.prediction else family.prediction
    if family.pure_noise and chosen is NOISE:
        raise BadValue(
            "zero_snr", "pure noise tells a model that predicts noise nothing", "add --prediction velocity"
        )
    by = {
        "family": f"its {mini.GEOMETRY}" if path else "the name",
        "prediction": "the explicit choice" if use.prediction else "the family",
    }
    return Located(family, path, TRAINED if path else BUILT_IN, MappingProxyType(by), chosen)


def open_model(model: Located | ModelUse, types: Mapping[str, torch.dtype] = FLOAT32) -> Model:
    """Open what was found: CPU, evaluation mode, float32. The bytes are those that `find` looked at.

    `types` are those that networks are wanted in, by their name: a file's go there at once, where its prediction is
    known; of other models they are not heeded.

    Raises what `find` raises, BadModelFile for weights that are no numbers, and Ambiguous when not even one call of
    the network shows what it predicts.
    """
    located = find(model) if isinstance(model, ModelUse) else model
    if located.resolved is None and located.path is not None:
        opener = partners.open_inpainting if located.family.name == partners.VARIANT else mini.open_mini
        return opener(located.family, located.prediction, located.path)
    if located.resolved is None:
        return OPENERS[located.family.name](located.family, located.prediction)
    resolved = located.resolved
    source, table = resolved.source, resolved.table
    tensors = Passing(resolved.load(), source)
    opened = assemble(
        located.family,
        tensors,
        located.prediction,
        source.path,
        table.theirs,
        types,
        lambda: digest_of(source, tensors, lambda: tensors),
    )
    source.forget()
    side = located.family.sides.get(opened.prediction.name) if located.prediction is None else None
    if side is not None:
        defaults = replace(located.family.defaults, width=side, height=side)
        opened.family = replace(located.family, defaults=defaults)
    return opened


def _existing(base: str) -> Path:
    try:
        path = Path(base).expanduser()
        path.stat()
    except (OSError, ValueError, RuntimeError):
        # No such file, a name that is too long or holds a NUL, a home folder of nobody.
        found = on_shelf(base, folders())
        if found is None:
            raise ModelNotFound(base, _advice(base)) from None
        return found
    return path


def _advice(base: str) -> str:
    built_in = ", ".join(OPENERS)
    if base in FAMILIES:
        return f"{base} is a family; give the path of one of its models, or a built-in one: {built_in}"
    near = nearest(base, tuple(OPENERS))
    meant = f"did you mean {near}? " if near else ""
    if re.fullmatch(r"[\w.-]+/[\w.-]+", base):
        meant += f"if it is on the Hugging Face hub, `mezzotint download {base}` fetches it; "
    return (
        f"{meant}give the path of a .safetensors file or a diffusers folder, or a built-in model: {built_in}"
    )
