"""Small models of the real families: every block of the published ones at widths that take no time."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.families import toy
from mezzotint.families.assemble import weights_of
from mezzotint.families.family import Family, Looks, Model
from mezzotint.families.layouts import mmdit_checkpoint, single_file
from mezzotint.families.sd1 import SD1, SD1_INPAINTING, SD1_PIX2PIX
from mezzotint.families.sd2 import SD2, SD2_DEPTH, SD2_INPAINTING, SD2_UNCLIP
from mezzotint.families.sd3 import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM, T5
from mezzotint.families.sdxl import SDXL, SDXL_INPAINTING, SDXL_REFINER
from mezzotint.families.tables import single_file_of
from mezzotint.families.upscaler import X4_UPSCALER
from mezzotint.nets.depth import DepthGeometry
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.t5 import T5Geometry
from mezzotint.nets.unet import Vector
from mezzotint.nets.vision import VisionGeometry
from mezzotint.text.clip import as_clip
from mezzotint.weights.files import InMemory, save_tensors


def texted(family: Family, **changes: object) -> Family:
    """The family with another geometry of its first text encoder (`pad` and `vocabulary` are the encoder's own)."""
    own = {name: changes.pop(name) for name in ("pad", "vocabulary") if name in changes}
    first, *others = family.texts
    geometry = replace(first.geometry, **changes)  # pyright: ignore[reportArgumentType]
    changed = replace(first, geometry=geometry, **own)  # pyright: ignore[reportArgumentType]
    return replace(family, texts=(changed, *others))


SMALL1 = replace(
    texted(SD1, width=32, layers=3, heads=1, hidden=48),
    denoiser=replace(
        SD1.unet, channels=(32, 64, 64), attention=(True, True, False), heads=(8, 8, 8), context=32
    ),
    autoencoder=replace(SD1.autoencoder, channels=(32, 32, 64), layers=1),
    latent=replace(SD1.latent, factor=4),
)
SMALL2 = replace(
    texted(SD2, width=64, layers=3, heads=1, hidden=96, projection=48),
    denoiser=replace(
        SD2.unet, channels=(64, 128), attention=(True, False), layers=1, heads=(1, 2), context=64
    ),
    autoencoder=replace(SD2.autoencoder, channels=(32, 64), layers=2),
    latent=replace(SD2.latent, factor=2),
)
SMALL_XL = replace(
    texted(SDXL, width=32, layers=3, heads=1, hidden=48),
    denoiser=replace(
        SDXL.unet,
        channels=(64, 64, 128),
        layers=1,
        heads=(1, 1, 2),
        context=96,
        depth=(1, 2, 3),
        blocks=3,
        added=Vector(pooled=48, numbers=6, waves=16),
    ),
    autoencoder=replace(SDXL.autoencoder, channels=(32, 64), layers=1),
    latent=replace(SDXL.latent, factor=2),
)
BIG_G = texted(
    replace(SDXL, texts=SDXL.texts[1:]), width=64, layers=3, heads=1, hidden=96, projection=48
).texts[0]
SMALL_XL = replace(SMALL_XL, texts=(SMALL_XL.texts[0], BIG_G))
SMALL_REFINER = replace(
    SDXL_REFINER,
    denoiser=replace(
        SDXL_REFINER.unet,
        channels=(64, 64, 128, 128),
        layers=1,
        heads=(1, 1, 2, 2),
        context=64,
        blocks=2,
        added=Vector(pooled=48, numbers=5, waves=16),
    ),
    autoencoder=SMALL_XL.autoencoder,
    latent=SMALL_XL.latent,
    texts=(BIG_G,),
)
SMALL_X4 = replace(
    X4_UPSCALER,
    denoiser=replace(
        X4_UPSCALER.unet, channels=(32, 32, 32, 64), layers=1, context=64, classes=30, heads=(8, 8, 8, 8)
    ),
    autoencoder=replace(X4_UPSCALER.autoencoder, channels=(32, 32, 64), layers=1),
    texts=SMALL2.texts,
)


SMALL_PICTURES: dict[str, Looks] = {
    "image": VisionGeometry(16, 4, 32, 2, 16, 24, "gelu", 24),
    "depth": DepthGeometry(
        side=64,
        stem=32,
        stages=(128, 128, 128),
        blocks=(1, 1, 1),
        width=64,
        layers=12,
        heads=1,
        hidden=8,
        fusion=4,
        head=32,
    ),
}


SMALL_SD3 = replace(
    SD3_MEDIUM,
    denoiser=MMDiTGeometry(
        channels=16, patch=2, width=64, layers=2, heads=1, context=112, pooled=80, positions=12
    ),
    autoencoder=replace(SD3_MEDIUM.autoencoder, channels=(32, 32, 64, 64), layers=1),
    texts=(
        replace(SMALL_XL.texts[0], name="clip_l", projected=False),
        replace(BIG_G, name="clip_g", trained=as_clip),
        replace(T5, geometry=T5Geometry(32128, 112, 2, 2, 8, 24)),
    ),
)


def like(family: Family, base: Family) -> Family:
    """The small model of a family that differs from another in what joins its latent."""
    unet = replace(base.unet, in_channels=family.unet.in_channels)
    pictures = {name: SMALL_PICTURES[name] for name in family.pictures}
    return replace(
        family,
        denoiser=unet,
        autoencoder=base.autoencoder,
        latent=base.latent,
        texts=base.texts,
        pictures=pictures,
    )


SMALL_UNCLIP = like(SD2_UNCLIP, SMALL2)
SMALL_UNCLIP = replace(
    SMALL_UNCLIP, denoiser=replace(SMALL_UNCLIP.unet, added=Vector(pooled=24, numbers=1, waves=24))
)

FAMILIES = {
    family.name: family
    for family in (
        *(SMALL1, like(SD1_INPAINTING, SMALL1), like(SD1_PIX2PIX, SMALL1)),
        *(SMALL2, like(SD2_INPAINTING, SMALL2), like(SD2_DEPTH, SMALL2), SMALL_UNCLIP),
        *(SMALL_XL, like(SDXL_INPAINTING, SMALL_XL), SMALL_REFINER, SMALL_X4),
    )
}
"""A small model of every family of files with a UNet, by its name."""

JOINT = {
    SD3_MEDIUM.name: SMALL_SD3,
    SD35_MEDIUM.name: replace(
        SMALL_SD3,
        name=SD35_MEDIUM.name,
        denoiser=replace(SMALL_SD3.denoiser, layers=3, qk_norm=True, dual=2),
    ),
    SD35_LARGE.name: replace(
        SMALL_SD3, name=SD35_LARGE.name, denoiser=replace(SMALL_SD3.denoiser, qk_norm=True)
    ),
}
"""The same of the families with a transformer."""
ALL = FAMILIES | JOINT

LETTERS = texted(
    SMALL1,
    vocabulary=toy.TOY.text.vocabulary,
    pad=toy.TOY.text.pad,
    vocab=toy.TOY.text.geometry.vocab,
)
"""SD 1 with the toy's vocabulary, which needs no reading; only folders can carry it."""


@cache
def small(name: str) -> Model:
    return toy.make(ALL[name])


def weights(model: Model) -> dict[str, Tensor]:
    return weights_of(model.networks)


def single(name: str) -> dict[str, Tensor]:
    """The tensors of a single file of this family, with what such files carry besides."""
    made = single_file_of(ALL[name]).export(InMemory(Path("made"), weights(small(name))))
    if name in JOINT:
        return made | {f"text_encoders.clip_{x}.logit_scale": torch.tensor(1.0) for x in "lg"}
    made |= {"betas": torch.zeros(1000), "model_ema.decay": torch.tensor(0.9999), "logvar": torch.zeros(3)}
    made |= {"low_scale_model.betas": torch.zeros(1000), "denoiser.sigmas": torch.zeros(1000)}
    for prefix in single_file.texts_in(made):
        if prefix in (single_file.CLIP_HF, single_file.SGM_L):
            made[f"{prefix}text_model.embeddings.position_ids"] = torch.arange(77)[None]
        else:
            made[f"{prefix}logit_scale"] = torch.tensor(1.0)
    return made


def saved(name: str, folder: Path, **changed: Tensor) -> Path:
    path = folder / f"{name}.safetensors"
    save_tensors(single(name) | changed, path)
    return path


TEXTS = {
    "clip_l": ("text_encoders.clip_l.", mmdit_checkpoint.CLIP),
    "clip_g": ("text_encoders.clip_g.", mmdit_checkpoint.CLIP),
    "t5": ("text_encoders.t5xxl.", mmdit_checkpoint.T5),
}
"""The text encoders of SD 3: how their names begin in a whole file, and the table of a file of their own."""


def file_without(path: Path, *texts: str, name: str = SD3_MEDIUM.name) -> Path:
    """A single file of a family of SD 3 that lacks these text encoders."""
    gone = tuple(TEXTS[text][0] for text in texts)
    save_tensors({n: t for n, t in single(name).items() if not n.startswith(gone)}, path)
    return path


def part_file(path: Path, text: str, **more: Tensor) -> Path:
    """A text encoder of SD 3 medium in a file of its own, as published beside the models."""
    whole = weights(small(SD3_MEDIUM.name)).items()
    own = {n.removeprefix(f"{text}."): t for n, t in whole if n.startswith(f"{text}.")}
    save_tensors(TEXTS[text][1].export(InMemory(path, own)) | more, path)
    return path
