"""From a checkpoint to its family: names and shapes tell the networks, small files and family data the rest.

Takes a checkpoint whose headers are read. Gives the family with this very model's geometry, the table that loads it
and the prediction as far as it is known. Reads no weights; a model that is none of the families is a typed error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import torch

from mezzotint.families import configs
from mezzotint.families.checkpoint import FOLDER, Checkpoint
from mezzotint.families.decide import Decided, decide
from mezzotint.families.family import Family, Looks, TextPart
from mezzotint.families.geometry import Shape, Shapes, autoencoder_geometry, clip_geometry, unet_geometry
from mezzotint.families.kinds import MODEL, hint_for, kind_of
from mezzotint.families.layouts import folder, single_file
from mezzotint.families.picture_geometry import depth_geometry, vision_geometry
from mezzotint.families.signs import Sign, Signed, signed
from mezzotint.families.tables import single_file_for
from mezzotint.families.terminal import Ending, ended, ending
from mezzotint.families.words import words_of
from mezzotint.nets.unet import Vector
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.weights.files import InMemory, TensorSource
from mezzotint.weights.layout import Layout

PICTURES: Mapping[str, Callable[[Shapes], Looks]] = MappingProxyType(
    {single_file.DEPTH: depth_geometry, single_file.IMAGE: vision_geometry}
)
"""How the geometry of a network that looks at pictures is read, by its name."""


@dataclass(frozen=True)
class Resolved:
    """A checkpoint that can be opened. `decided_by` says for each question what answered it."""

    checkpoint: Checkpoint
    family: Family
    table: Layout
    decided: Decided | None
    decided_by: Mapping[str, str]


def resolve(checkpoint: Checkpoint, chosen: str | None, zero_snr: str | None = None) -> Resolved:
    """The family, table and prediction of a checkpoint; `chosen` is an explicit prediction, `zero_snr` an explicit end
    of its noise.

    Raises BadModelFile (not a model of a family here, or settings it does not have) and WeightsMismatch.
    """
    kind = kind_of(checkpoint.source)
    if kind != MODEL:
        raise BadModelFile(checkpoint.path, f"is {kind}, not a model to draw with", hint=hint_for(kind))
    configs.check_fixed(checkpoint)
    texts = folder.texts_in(checkpoint.source) if checkpoint.layout == FOLDER else {}
    table = folder.layout(texts) if texts else single_file_for(checkpoint.source)
    shapes = shapes_of(table, checkpoint.source)
    found = signed(_sign(checkpoint, shapes), checkpoint)
    folders = {ours: theirs.removesuffix("/") for theirs, ours in texts.items()}
    try:
        family = _fitted(found.family, checkpoint, shapes, folders)
    except BadValue as error:
        raise BadModelFile(checkpoint.path, f"has sizes no network can have ({error.message})") from None
    _check_parts(family, checkpoint)
    end = ending(zero_snr, checkpoint)
    family = ended(family, end.pure)
    decided = decide(chosen, checkpoint, family)
    side = configs.side(checkpoint, family) or (
        family.sides.get(decided.prediction.name) if decided else None
    )
    if side is not None:
        family = replace(family, defaults=replace(family.defaults, width=side, height=side))
    return Resolved(checkpoint, family, table, decided, _reasons(checkpoint, found, decided, end))


def _sign(checkpoint: Checkpoint, shapes: Mapping[str, Shape]) -> Sign:
    """What the names and shapes of a checkpoint say of its family."""
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
    checkpoint: Checkpoint, found: Signed, decided: Decided | None, end: Ending
) -> Mapping[str, str]:
    return MappingProxyType(
        {
            "family": found.by,
            "geometry": "the shapes of the tensors",
            "heads": configs.UNET
            if configs.UNET in checkpoint.configs
            else f"the family: {found.family.title}",
            "prediction": decided.by if decided else "open until the network is run once",
            **({"zero SNR": end.by} if end.pure else {}),
        }
    )


def shapes_of(table: Layout, source: TensorSource) -> dict[str, Shape]:
    """Our names with the shapes their tensors will have; reads no data. Raises WeightsMismatch."""
    empty = {n: torch.empty(info.shape, dtype=info.dtype, device="meta") for n, info in source.items()}
    return {name: tuple(t.shape) for name, t in table.load(InMemory(source.path, empty)).items()}


def _fitted(
    base: Family, checkpoint: Checkpoint, shapes: Mapping[str, Shape], folders: Mapping[str, str]
) -> Family:
    """`base` with the geometry, the schedule and the vocabularies of this checkpoint; `folders` says where its text
    encoders lie, by our names."""

    def part(prefix: str) -> Shapes:
        return Shapes(shapes, prefix, checkpoint.path)

    def groups(file: str) -> int:
        return configs.whole(checkpoint, file, "norm_num_groups", 32)

    present = {name.partition(".")[0] for name in shapes}
    autoencoder = autoencoder_geometry(part("autoencoder."), groups(configs.AUTOENCODER))
    texts = tuple(
        _text(text, checkpoint, part(f"{text.name}."), folders.get(text.name, "")) for text in base.clips
    )
    unet = unet_geometry(
        part("unet."),
        lambda widths: configs.unet_heads(base, checkpoint, widths),
        groups(configs.UNET),
        lambda width: _vector(base, texts, width),
    )
    return replace(
        base,
        denoiser=unet,
        autoencoder=autoencoder,
        texts=texts,
        pictures={name: read(part(f"{name}.")) for name, read in PICTURES.items() if name in present},
        schedule=configs.schedule(base, checkpoint),
        latent=configs.latent(base, checkpoint, autoencoder),
    )


def _text(base: TextPart, checkpoint: Checkpoint, shapes: Shapes, folder_name: str) -> TextPart:
    """`base` with the geometry and the vocabulary of this checkpoint."""
    config = f"{folder_name}/config.json"
    vocabulary, pad = words_of(base, checkpoint, folder_name.replace("text_encoder", "tokenizer"))
    # diffusers folders hold the layers up to the one that goes through the final norm, and then read the last.
    absent = base.skip if checkpoint.layout == FOLDER and base.normed else 0
    geometry = clip_geometry(
        shapes,
        lambda width: configs.text_heads(base, checkpoint, config, width),
        configs.activation(base, checkpoint, config),
    )
    return replace(
        base,
        geometry=geometry,
        vocabulary=(lambda: vocabulary) if vocabulary else base.vocabulary,
        pad=pad,
        skip=base.skip - absent,
        absent=absent,
    )


def _vector(base: Family, texts: tuple[TextPart, ...], width: int) -> Vector | None:
    """What `width` values are made of that are added to the time: the pooled text, where one is projected to be added,
    or as many values of a picture as of its noise level; and the sinusoids of the family's numbers."""
    if base.unet.added is None:
        return None
    numbers = base.unet.added.numbers
    pooled = next(
        (t.geometry.projection for t in texts if t.geometry.projection and not t.normed), width // 2
    )
    vector = Vector(pooled, numbers, max(0, width - pooled) // numbers)
    if vector.width != width or vector.waves % 2:
        raise BadValue("added", f"{width} values are added to the time", "check the geometry")
    return vector


def _check_parts(family: Family, checkpoint: Checkpoint) -> None:
    """The networks must fit each other, and draw colour pictures."""
    unet, latent = family.unet, family.latent.channels
    width = sum(text.geometry.width for text in family.texts)
    if unet.out_channels != latent or unet.context != width or family.autoencoder.pixels != 3:
        raise BadModelFile(
            checkpoint.path,
            f"has parts that do not fit each other: text of width {width} for a UNet of {unet.context}, latents of "
            f"{latent} channels for {unet.out_channels}, pictures of {family.autoencoder.pixels}",
            hint="use parts of one model",
        )
