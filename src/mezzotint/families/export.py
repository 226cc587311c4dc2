"""Writes a model as a diffusers folder, which diffusers' pipelines and most other programs read.

Takes an opened model and the path of a folder that does not exist yet. Gives the whole folder or none: networks,
tokenizer, scheduler and their configurations, computing the same as our modules. Knows no device.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.families.assemble import weights_of
from mezzotint.families.family import AnyText, Family, Model, TextPart
from mezzotint.families.folder_configs import folder_configs, tokenizer_folder, written_layers
from mezzotint.families.layouts import folder as layout
from mezzotint.families.statistics import unsaid
from mezzotint.families.tables import folder_of
from mezzotint.text import vocabulary
from mezzotint.values.errors import OutputFailed
from mezzotint.values.files import write_atomically
from mezzotint.weights.files import InMemory, save_tensors

WEIGHTS = (
    (layout.UNET, "diffusion_pytorch_model.safetensors"),
    (layout.TRANSFORMER, "diffusion_pytorch_model.safetensors"),
    (layout.AUTOENCODER, "diffusion_pytorch_model.safetensors"),
    (layout.TEXT, "model.safetensors"),
    (layout.TEXT_2, "model.safetensors"),
    (layout.TEXT_3, "model.safetensors"),
    (layout.DEPTH, "model.safetensors"),
    (layout.IMAGE, "model.safetensors"),
    (layout.AUGMENTOR, "diffusion_pytorch_model.safetensors"),
)


def export_diffusers(model: Model, folder: Path, weights: Mapping[str, Tensor] | None = None) -> None:
    """Write `model` to `folder`, with the `weights` by our names that are given instead of its own.

    Raises OutputFailed; then nothing is left behind.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputFailed(folder, "it exists already", hint="choose another folder, or remove this one")
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.part")
    try:
        try:
            _write(model, draft, weights or {})
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise OutputFailed(folder, error.strerror or str(error)) from error


def _write(model: Model, folder: Path, weights: Mapping[str, Tensor]) -> None:
    for name, config in folder_configs(model).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        write_atomically(path, lambda file, text=text: file.write(text.encode()))
    for part in filter(model.family.present, model.family.texts):
        save_words(part, folder / tokenizer_folder(part))
    own = {name: weights.get(name, tensor) for name, tensor in read_weights(model).items()}
    own |= _identities(model.family) | unsaid(model.family, own, folder)
    theirs = folder_of(model.family).export(InMemory(folder, own))
    for part, name in WEIGHTS:
        own = {n.removeprefix(part): tensor for n, tensor in theirs.items() if n.startswith(part)}
        if own:
            save_tensors(own, folder / part / name, {"format": "pt"})


def save_words(part: AnyText, folder: Path) -> None:
    """Write the vocabulary of a text encoder into `folder`, as transformers reads it. Raises OutputFailed."""
    if isinstance(part, TextPart):
        vocabulary.save(part.vocabulary(), folder)
        return
    text = part.tokenizer().to_json()
    write_atomically(folder / "tokenizer.json", lambda file: file.write(text.encode()))


def _identities(family: Family) -> dict[str, Tensor]:
    """The projections that diffusers wants where ours have none."""
    without = [part for part in filter(family.present, family.clips) if not part.projects]
    return {
        f"{part.name}.projection.weight": torch.eye(part.geometry.width)
        for part in without
        if family.diffusers.projects
    }


def read_weights(model: Model) -> dict[str, Tensor]:
    """The weights that drawing reads: where diffusers reads the last text layer, later ones are left out."""
    unread: list[str] = []
    for part in (part for part in model.family.clips if part.normed):
        later = range(written_layers(part), part.geometry.layers)
        unread += [f"{part.name}.projection.", *(f"{part.name}.blocks.{i}." for i in later)]
    weights = weights_of(model.networks)
    return {n: t for n, t in weights.items() if not n.startswith(tuple(unread))}
