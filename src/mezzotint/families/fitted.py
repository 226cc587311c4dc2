"""A family with the geometry, the schedule and the vocabularies of one checkpoint.

Takes the family that a checkpoint is of, the checkpoint and the shapes of its weights by our names. Gives the same
family at this model's sizes. Reads no weights; parts that do not fit each other are a typed error.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mezzotint.families import configs
from mezzotint.families.checkpoint import Checkpoint
from mezzotint.families.family import AnyText, Denoising, Family, Looks, TextPart
from mezzotint.families.geometry import (
    Shape,
    Shapes,
    autoencoder_geometry,
    clip_geometry,
    mmdit_geometry,
    t5_geometry,
    unet_geometry,
)
from mezzotint.families.layouts import single_file
from mezzotint.families.picture_geometry import DEPTH_EPS, VISION_HEADS, depth_geometry, vision_geometry
from mezzotint.families.t5_part import T5Part
from mezzotint.families.words import words_of
from mezzotint.nets.augmentor import AugmentorGeometry
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.unet import UNetGeometry, Vector
from mezzotint.values.errors import BadModelFile, BadValue


def _depth(shapes: Shapes, checkpoint: Checkpoint) -> Looks:
    eps = configs.number(checkpoint, configs.DEPTH, "layer_norm_eps", DEPTH_EPS)
    return depth_geometry(shapes, eps, _heads(checkpoint, configs.DEPTH))


def _image(shapes: Shapes, checkpoint: Checkpoint) -> Looks:
    heads = _heads(checkpoint, configs.IMAGE) or VISION_HEADS
    return vision_geometry(shapes, heads, configs.hidden_act(checkpoint, configs.IMAGE))


def _augmentor(shapes: Shapes, checkpoint: Checkpoint) -> Looks:
    return AugmentorGeometry(shapes.side("mean", 1))


def _heads(checkpoint: Checkpoint, file: str) -> int | None:
    name = "num_attention_heads"
    return configs.whole(checkpoint, file, name, 1) if name in checkpoint.config(file) else None


PICTURES: Mapping[str, Callable[[Shapes, Checkpoint], Looks]] = MappingProxyType(
    {single_file.DEPTH: _depth, single_file.IMAGE: _image, single_file.AUGMENTOR: _augmentor}
)
"""How the geometry of what looks at pictures is read, by its name."""


@dataclass(frozen=True)
class Found:
    """A checkpoint with the `shapes` of all weights by our names, and the `folders` of its text encoders by theirs;
    `replaced` are the parts that come from files of their own."""

    checkpoint: Checkpoint
    shapes: Mapping[str, Shape]
    folders: Mapping[str, str]
    replaced: frozenset[str]

    def part(self, name: str) -> Shapes:
        """The shapes of one part."""
        return Shapes(self.shapes, f"{name}.", self.checkpoint.path)

    @property
    def present(self) -> frozenset[str]:
        """The names of the parts that are there."""
        return frozenset(name.partition(".")[0] for name in self.shapes)


def fitted(base: Family, found: Found) -> Family:
    """`base` with what `found` holds. Raises WeightsMismatch, BadModelFile, and BadValue for impossible sizes."""
    checkpoint = found.checkpoint
    autoencoder = autoencoder_geometry(found.part("autoencoder"), _groups(found, configs.AUTOENCODER))
    denoiser, texts, missing = (
        _joint(base, found) if isinstance(base.denoiser, MMDiTGeometry) else _with_unet(base, found)
    )
    family = replace(
        base,
        denoiser=denoiser,
        autoencoder=autoencoder,
        texts=texts,
        missing=missing,
        pictures={n: read(found.part(n), checkpoint) for n, read in PICTURES.items() if n in found.present},
        schedule=configs.schedule(base, checkpoint),
        latent=configs.latent(base, checkpoint, autoencoder),
    )
    _check_parts(family, checkpoint)
    return family


def _groups(found: Found, file: str) -> int:
    return configs.whole(found.checkpoint, file, "norm_num_groups", 32)


Parts = tuple[Denoising, tuple[AnyText, ...], frozenset[str]]
"""The denoiser, the text encoders, and those of them that are missing."""


def _with_unet(base: Family, found: Found) -> Parts:
    texts = tuple(_clip(part, found) for part in base.clips)
    unet = unet_geometry(
        found.part("unet"),
        lambda widths: configs.unet_heads(base, found.checkpoint, widths),
        _groups(found, configs.UNET),
        lambda width: _vector(base, texts, width),
    )
    return unet, texts, frozenset()


def _joint(base: Family, found: Found) -> Parts:
    """Any text encoder may be missing; the transformer says how wide its zeros are."""
    geometry = mmdit_geometry(
        found.part("mmdit"), lambda width: configs.transformer_heads(base, found.checkpoint, width)
    )
    missing = frozenset(part.name for part in base.texts) - found.present
    clips = {part.name: _clip(part, found) for part in base.clips if part.name not in missing}
    absent = len(base.clips) - len(clips)
    left = geometry.pooled - sum(part.pooled for part in clips.values())
    texts: list[AnyText] = []
    for part in base.texts:
        if isinstance(part, T5Part):
            t5 = replace(part.geometry, width=geometry.context) if part.name in missing else None
            texts.append(replace(part, geometry=t5 or t5_geometry(found.part(part.name))))
        elif part.name in clips:
            texts.append(clips[part.name])
        else:
            absent -= 1
            width = max(1, min(part.pooled, left - absent) if absent else left)
            left -= width
            sizes = replace(
                part.geometry, width=width, heads=1, projection=part.geometry.projection and width
            )
            texts.append(replace(part, geometry=sizes))
    return geometry, tuple(texts), missing


def _clip(base: TextPart, found: Found) -> TextPart:
    """`base` with the geometry and the vocabulary of this checkpoint."""
    folder = found.folders.get(base.name, "")
    inside = folder if base.name not in found.replaced else ""
    config = f"{inside}/config.json"
    checkpoint = found.checkpoint
    vocabulary, pad = words_of(base, checkpoint, folder.replace("text_encoder", "tokenizer"))
    # diffusers folders hold the layers up to the one that goes through the final norm, and then read the last.
    absent = base.skip if inside and base.normed else 0
    geometry = clip_geometry(
        found.part(base.name),
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
        # diffusers projects whatever its folder holds; single files are read by programs that do not.
        projected=base.projected or bool(inside),
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
    network, latent = family.denoiser, family.latent.channels
    if isinstance(network, UNetGeometry):
        context, channels = network.context, network.out_channels
        fits = sum(text.geometry.width for text in family.texts) == context
        width = sum(text.geometry.width for text in family.texts)
    else:
        context, channels = network.context, network.channels
        width = max(part.geometry.width for part in family.texts if isinstance(part, T5Part))
        short = sum(part.geometry.width for part in family.clips)
        fits = width == context >= short and sum(part.pooled for part in family.clips) == network.pooled
    if not fits or channels != latent or family.autoencoder.pixels != 3:
        raise BadModelFile(
            checkpoint.path,
            f"has parts that do not fit each other: text of width {width} for a denoiser of {context}, latents of "
            f"{latent} channels for {channels}, pictures of {family.autoencoder.pixels}",
            hint="use parts of one model",
        )
