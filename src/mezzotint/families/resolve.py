"""From a checkpoint to its family: names and shapes tell the networks, small files and family data the rest.

Takes a checkpoint whose headers are read. Gives the family with this very model's geometry, the table that loads it
and the prediction as far as it is known. Reads no weights; a model that cannot draw here is a typed error.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch

from mezzotint.families import configs
from mezzotint.families.checkpoint import FOLDER, Checkpoint
from mezzotint.families.decide import Decided, decide
from mezzotint.families.family import Family, Latent
from mezzotint.families.geometry import Shape, Shapes, autoencoder_geometry, clip_geometry, unet_geometry
from mezzotint.families.kinds import MODEL, hint_for, kind_of
from mezzotint.families.layouts import autoencoder_ldm, folder, single_file, unet_ldm
from mezzotint.families.sd1 import SD1
from mezzotint.families.sd2 import SD2
from mezzotint.families.words import words_of
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.weights.files import InMemory, TensorSource
from mezzotint.weights.layout import Layout


@dataclass(frozen=True)
class Resolved:
    """A checkpoint that can be opened. `decided_by` says for each question what answered it."""

    checkpoint: Checkpoint
    family: Family
    table: Layout
    decided: Decided | None
    decided_by: Mapping[str, str]


def resolve(checkpoint: Checkpoint, chosen: str | None) -> Resolved:
    """The family, table and prediction of a checkpoint; `chosen` is an explicit prediction.

    Raises BadModelFile (not a model this program draws with, or settings it does not have) and WeightsMismatch.
    """
    kind = kind_of(checkpoint.source)
    if kind != MODEL:
        raise BadModelFile(checkpoint.path, f"is {kind}, not a model to draw with", hint=hint_for(kind))
    open_clip = any(name.startswith(single_file.CLIP_OPEN) for name in checkpoint.source)
    table = folder.LAYOUT if checkpoint.layout == FOLDER else _single_file_table(checkpoint.source, open_clip)
    shapes = shapes_of(table, checkpoint.source)
    configs.check_fixed(checkpoint)
    linear = len(shapes.get("unet.mid.attention.proj_in.weight", ())) == 2
    base = SD2 if open_clip or linear else SD1
    try:
        family = _fitted(base, checkpoint, shapes)
    except BadValue as error:
        raise BadModelFile(checkpoint.path, f"has sizes no network can have ({error.message})") from None
    _check_parts(family, checkpoint)
    decided = decide(chosen, checkpoint, family)
    side = configs.side(checkpoint, family) or (
        family.sides.get(decided.prediction.name) if decided else None
    )
    if side is not None:
        family = replace(family, defaults=replace(family.defaults, width=side, height=side))
    return Resolved(checkpoint, family, table, decided, _reasons(checkpoint, base, open_clip, decided))


def _reasons(
    checkpoint: Checkpoint, base: Family, open_clip: bool, decided: Decided | None
) -> Mapping[str, str]:
    projections = (
        f"the projections in the UNet ({'Linear' if base.unet.linear_projection else 'convolutions'})"
    )
    return MappingProxyType(
        {
            "family": "the names of the text encoder (OpenCLIP)" if open_clip else projections,
            "geometry": "the shapes of the tensors",
            "heads": configs.UNET if configs.UNET in checkpoint.configs else f"the family: {base.title}",
            "prediction": decided.by if decided else "open until the network is run once",
        }
    )


def shapes_of(table: Layout, source: TensorSource) -> dict[str, Shape]:
    """Our names with the shapes their tensors will have; reads no data. Raises WeightsMismatch."""
    empty = {n: torch.empty(info.shape, dtype=info.dtype, device="meta") for n, info in source.items()}
    return {name: tuple(t.shape) for name, t in table.load(InMemory(source.path, empty)).items()}


def _single_file_table(source: TensorSource, open_clip: bool) -> Layout:
    unet = (n.removeprefix(single_file.UNET) for n in source if n.startswith(single_file.UNET))
    images = (
        n.removeprefix(single_file.AUTOENCODER) for n in source if n.startswith(single_file.AUTOENCODER)
    )
    layers, attention = unet_ldm.numbering(unet)
    return single_file.layout(layers, attention, autoencoder_ldm.levels_in(images), open_clip)


def _fitted(base: Family, checkpoint: Checkpoint, shapes: Mapping[str, Shape]) -> Family:
    """`base` with the geometry, the schedule and the vocabulary of this checkpoint."""

    def part(prefix: str) -> Shapes:
        return Shapes(shapes, prefix, checkpoint.path)

    def groups(file: str) -> int:
        return configs.whole(checkpoint, file, "norm_num_groups", 32)

    autoencoder = autoencoder_geometry(part("autoencoder."), groups(configs.AUTOENCODER))
    vocabulary, pad = words_of(base, checkpoint)
    # diffusers folders hold the text layers up to the one that is read, and then read the last.
    absent = base.skip if checkpoint.layout == FOLDER else 0
    return replace(
        base,
        unet=unet_geometry(
            part("unet."), lambda widths: configs.unet_heads(base, checkpoint, widths), groups(configs.UNET)
        ),
        autoencoder=autoencoder,
        text=clip_geometry(
            part("text."),
            lambda width: configs.text_heads(base, checkpoint, width),
            configs.activation(base, checkpoint),
        ),
        vocabulary=(lambda: vocabulary) if vocabulary else base.vocabulary,
        pad=pad,
        skip=base.skip - absent,
        absent=absent,
        betas=configs.betas(base, checkpoint),
        latent=Latent(autoencoder.latent, autoencoder.factor, configs.latent_scale(base, checkpoint)),
    )


def _check_parts(family: Family, checkpoint: Checkpoint) -> None:
    """The three networks must fit each other, and draw colour pictures from text alone."""
    unet, latent = family.unet, family.latent.channels
    if unet.in_channels != latent or unet.out_channels != latent:
        raise BadModelFile(
            checkpoint.path,
            f"has a UNet of {unet.in_channels} to {unet.out_channels} channels and latents of {latent}",
            hint="inpainting, depth and upscaling models are not supported; use a text-to-image model",
        )
    if unet.context != family.text.width or family.autoencoder.pixels != 3:
        raise BadModelFile(
            checkpoint.path,
            f"has parts that do not fit each other: text of width {family.text.width} for a UNet of "
            f"{unet.context}, pictures of {family.autoencoder.pixels} channels",
            hint="use parts of one model",
        )
