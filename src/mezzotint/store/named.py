"""Models as tensors under our names, in their stored types; written back in either layout.

Takes built-in names and paths of files and folders. Gives `Named`, whose tensors are views of the files; what is
written is complete or not there. Knows no arithmetic.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.families.assemble import weights_of
from mezzotint.families.checkpoint import SINGLE_FILE
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Family
from mezzotint.families.layouts import single_file
from mezzotint.families.registry import Located, find, open_model
from mezzotint.families.resolve import resolve
from mezzotint.families.statistics import said
from mezzotint.families.tables import single_file_of
from mezzotint.text.vocabulary import clip_vocabulary
from mezzotint.values.errors import BadModelFile, OutputFailed
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import InMemory, TensorSource, save_tensors
from mezzotint.weights.header import TensorInfo
from mezzotint.weights.scaled import FLOAT8, FORMATS, stored_as

KEPT = "kept"
"""The storage that leaves every weight in the type it has."""


@dataclass(frozen=True)
class Named:
    """A model: what it is, and its `tensors` by our names."""

    located: Located
    tensors: Mapping[str, Tensor]

    @property
    def path(self) -> Path:
        """Where it came from: a path, or the name of a built-in model."""
        return self.located.path or Path(self.located.family.name)

    @property
    def family(self) -> Family:
        """Its family, with this model's geometry."""
        return self.located.family

    @property
    def metadata(self) -> Mapping[str, str]:
        """What its file says in words."""
        resolved = self.located.resolved
        return resolved.checkpoint.source.metadata if resolved else {}


class _Averaged(TensorSource):
    """A single file whose UNet is the average over training that lies beside it as `model_ema.`."""

    def __init__(self, source: TensorSource) -> None:
        self.path, self.metadata, self._source = source.path, source.metadata, source
        if not any(name.startswith("model_ema.") for name in source):
            raise BadModelFile(source.path, "holds no averaged weights", hint="leave --averaged out")

    def _at(self, name: str) -> str:
        if not name.startswith(single_file.UNET):
            return name
        flat = "model_ema." + name.removeprefix("model.").replace(".", "")
        return flat if flat in self._source else name

    def __getitem__(self, name: str) -> TensorInfo:
        return self._source[self._at(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._source)

    def __len__(self) -> int:
        return len(self._source)

    def tensor(self, name: str) -> Tensor:
        """The average in place of a weight of the UNet; everything else as it is."""
        return self._source.tensor(self._at(name))


def named(model: Path | str, prediction: str | None = None, *, averaged: bool = False) -> Named:
    """The model of this built-in name or path. `averaged` takes the average over training of the UNet where the file
    has both.

    Raises ModelNotFound, PickleRefused, BadModelFile, WeightsMismatch; UnknownName for the prediction.
    """
    located = find(ModelUse(base=str(model), prediction=prediction))
    if averaged:
        located = _averaged(located, prediction)
    resolved = located.resolved
    if resolved is None:
        return Named(located, weights_of(open_model(located).networks))
    return Named(located, resolved.load())


def _averaged(located: Located, prediction: str | None) -> Located:
    resolved = located.resolved
    if resolved is None or resolved.checkpoint.layout != SINGLE_FILE:
        path = located.path or Path(located.family.name)
        raise BadModelFile(path, "holds no second copy, as it is no single file", hint="leave --averaged out")
    checkpoint = replace(resolved.checkpoint, source=_Averaged(resolved.checkpoint.source))
    return replace(located, resolved=resolve(checkpoint, prediction))


def write(model: Named, target: Path, storage: str = KEPT) -> None:
    """Write `model`: as one file when `target` ends in .safetensors, else as a new diffusers folder.

    Raises OutputFailed (also for a single file of a model whose vocabulary is not CLIP's), UnknownName and BadValue for
    the storage, and for a folder what opening the model raises.
    """
    stored = converted(model.tensors, storage)
    if target.suffix == ".safetensors":
        if target.exists():
            raise OutputFailed(target, "it exists already", hint="choose another name, or remove this one")
        if any(part.vocabulary() != clip_vocabulary() for part in model.family.clips):
            raise OutputFailed(
                target, "a single file cannot hold this model's own vocabulary", hint="write a folder instead"
            )
        ours = said(model.family, stored) | _unread_layers(model, stored)
        theirs = single_file_of(model.family).export(InMemory(target, ours))
        beside = converted(_text_half(model), storage) | _markers(model)
        save_tensors(theirs | beside, target, model.metadata)
        return
    export_diffusers(open_model(model.located), target, stored)


def _unread_layers(model: Named, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The last layers of text encoders, which folders leave out because nothing reads them: in a single file layers are
    counted from the end, so they are there. Zeros add nothing to what goes through them."""
    zeros: dict[str, Tensor] = {}
    for part in model.family.clips:
        last = part.geometry.layers - 1
        old = f"{part.name}.blocks.{last}."
        for layer in range(last + 1, last + 1 + part.absent):
            new = f"{part.name}.blocks.{layer}."
            zeros |= {
                new + name.removeprefix(old): torch.zeros_like(tensor)
                for name, tensor in stored.items()
                if name.startswith(old)
            }
    return zeros


def _text_half(model: Named) -> dict[str, Tensor]:
    """The text half of the image encoder, which nothing reads, as the single file that `model` came from has it."""
    resolved = model.located.resolved
    if resolved is None or resolved.checkpoint.layout != SINGLE_FILE:
        return {}
    source = resolved.checkpoint.source
    return {name: source.tensor(name) for name in single_file.TEXT_HALF.match(source).dropped}


def _markers(model: Named) -> dict[str, Tensor]:
    """What says in a single file that the velocity is predicted, and that the noise ends as pure noise, where nothing
    else in it does."""
    said = {
        single_file.V_PREDICTION: model.located.prediction is VELOCITY
        and model.family.prediction is not VELOCITY,
        single_file.ZERO_SNR: model.family.pure_noise,
    }
    return {name: torch.empty(0) for name, true in said.items() if true}


def converted(tensors: Mapping[str, Tensor], storage: str) -> dict[str, Tensor]:
    """`tensors` as `storage`, KEPT or a name in FORMATS, has them: of eight bits are only the matrices of the denoiser,
    the rest is float16 then. Raises UnknownName, and BadValue where a value is too large for the format."""
    if storage == KEPT:
        return dict(tensors)
    if FORMATS.get(storage) not in FLOAT8:
        return stored_as(tensors, storage)
    small = {n: t for n, t in tensors.items() if t.dim() >= 2 and n.startswith(("unet.", "mmdit."))}
    others = {n: t for n, t in tensors.items() if n not in small}
    return stored_as(small, storage) | stored_as(others, "float16")
