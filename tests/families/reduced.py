"""Small models of the real families: every block of the published ones at widths that take no time."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.families import toy
from mezzotint.families.assemble import weights_of
from mezzotint.families.family import Family, Model
from mezzotint.families.layouts import single_file
from mezzotint.families.sd1 import SD1
from mezzotint.families.sd2 import SD2
from mezzotint.weights.files import InMemory, save_tensors
from mezzotint.weights.layout import Layout

SMALL1 = replace(
    SD1,
    unet=replace(SD1.unet, channels=(32, 64, 64), attention=(True, True, False), heads=(8, 8, 8), context=32),
    autoencoder=replace(SD1.autoencoder, channels=(32, 32, 64), layers=1),
    text=replace(SD1.text, width=32, layers=3, heads=1, hidden=48),
    latent=replace(SD1.latent, factor=4),
)
SMALL2 = replace(
    SD2,
    unet=replace(SD2.unet, channels=(64, 128), attention=(True, False), layers=1, heads=(1, 2), context=64),
    autoencoder=replace(SD2.autoencoder, channels=(32, 64), layers=2),
    text=replace(SD2.text, width=64, layers=3, heads=1, hidden=96, projection=48),
    latent=replace(SD2.latent, factor=2),
)
FAMILIES = {"sd1": SMALL1, "sd2": SMALL2}

LETTERS = replace(
    SMALL1,
    vocabulary=toy.TOY.vocabulary,
    pad=toy.TOY.pad,
    text=replace(SMALL1.text, vocab=toy.TOY.text.vocab),
)
"""SD 1 with the toy's vocabulary, which needs no reading; only folders can carry it."""


@cache
def small(name: str) -> Model:
    return toy.make(FAMILIES[name])


def table(family: Family) -> Layout:
    return single_file.layout(
        family.unet.layers,
        family.unet.attention,
        len(family.autoencoder.channels),
        open_clip=family.text.projection is not None,
    )


def weights(model: Model) -> dict[str, Tensor]:
    return weights_of((model.unet, model.autoencoder, model.text))


def single(name: str) -> dict[str, Tensor]:
    """The tensors of a single file of this family, with what such files carry besides."""
    made = table(FAMILIES[name]).export(InMemory(Path("made"), weights(small(name))))
    made |= {"betas": torch.zeros(1000), "model_ema.decay": torch.tensor(0.9999), "logvar": torch.zeros(3)}
    if name == "sd1":
        made["cond_stage_model.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    else:
        made["cond_stage_model.model.logit_scale"] = torch.tensor(1.0)
    return made


def saved(name: str, folder: Path, **changed: Tensor) -> Path:
    path = folder / f"{name}.safetensors"
    save_tensors(single(name) | changed, path)
    return path
