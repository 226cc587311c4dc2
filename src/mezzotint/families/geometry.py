"""Reads the geometry of networks off names and shapes of weights.

Takes shapes by our names (`unet.`, `autoencoder.`, `text.` ...). Gives geometries; what shapes do not tell (head
counts, groups, activation) comes in as arguments. Raises WeightsMismatch where a weight that decides something is
missing.
"""

from collections.abc import Callable, Mapping
from math import isqrt
from pathlib import Path

from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.t5 import T5Geometry
from mezzotint.nets.unet import UNetGeometry, Vector
from mezzotint.values.errors import WeightsMismatch

Shape = tuple[int, ...]


class Shapes:
    """Shapes by name, of one part of a model; `path` is named in errors."""

    def __init__(self, shapes: Mapping[str, Shape], part: str, path: Path) -> None:
        self._shapes = {n.removeprefix(part): s for n, s in shapes.items() if n.startswith(part)}
        self._part, self._path = part, path
        self._parents = {name[:end] for name in self._shapes for end, c in enumerate(name) if c == "."}

    def below(self, part: str) -> "Shapes":
        """The shapes of one part of this one."""
        return Shapes(self._shapes, part, self._path)

    def has(self, name: str) -> bool:
        """Whether a weight `name`, or a module of that name with a weight, is there."""
        return name in self._shapes or name in self._parents

    def side(self, name: str, axis: int) -> int:
        """The length of one axis of the weight `name`. Raises WeightsMismatch."""
        shape = self._shapes.get(name)
        if shape is None:
            raise WeightsMismatch(self._path, missing=[self._part + name])
        if len(shape) <= axis:
            raise WeightsMismatch(self._path, wrong_shape=[self._part + name])
        return shape[axis]

    def rank(self, name: str) -> int:
        """The number of axes of the weight `name`, 0 when it is not there."""
        return len(self._shapes.get(name, ()))

    def count(self, module: str) -> int:
        """How many modules `module`.0, `module`.1 ... follow each other; at least one, which may be missing."""
        number = 1
        while f"{module}.{number}" in self._parents:
            number += 1
        return number


def unet_geometry(
    shapes: Shapes,
    heads: Callable[[Shape], Shape],
    norm_groups: int,
    added: Callable[[int], Vector | None] = lambda width: None,
    outputs: int | None = None,
) -> UNetGeometry:
    """The UNet of these weights; `heads` gives the head counts for the widths of the levels, `added` says what the
    values are made of that are added to the time, as many as it is told; `outputs` channels where it has no way up."""
    levels = range(shapes.count("down"))
    channels = tuple(shapes.side(f"down.{i}.resnets.0.conv1.weight", 0) for i in levels)
    attention = tuple(shapes.has(f"down.{i}.attentions.0") for i in levels)
    blocks = shapes.count("mid.attention.blocks")
    context = shapes.side("mid.attention.blocks.0.attn2.k.weight", 1)
    # Only a self-attention reads as many values as its level is wide; a text of that width looks like one.
    sources = [
        _source(shapes, i) if on else width for i, on, width in zip(levels, attention, channels, strict=True)
    ]
    cross_only = tuple(source != width for source, width in zip(sources, channels, strict=True))
    depth = tuple(
        shapes.count(f"down.{i}.attentions.0.blocks") if on else 1 for i, on in enumerate(attention)
    )
    alike = all(own == blocks for own, on in zip(depth, attention, strict=True) if on)
    vectors = shapes.side("added_in.weight", 1) if shapes.has("added_in.weight") else 0
    return UNetGeometry(
        in_channels=shapes.side("conv_in.weight", 1),
        out_channels=shapes.side("conv_out.weight", 0) if outputs is None else outputs,
        channels=channels,
        layers=shapes.count("down.0.resnets"),
        attention=attention,
        heads=heads(channels),
        context=context,
        blocks=blocks,
        linear_projection=shapes.rank("mid.attention.proj_in.weight") == 2,
        norm_groups=norm_groups,
        depth=() if alike else depth,
        cross_only=cross_only if any(cross_only) else (),
        added=added(vectors) if vectors else None,
        classes=shapes.side("classes.weight", 0) if shapes.has("classes.weight") else 0,
    )


def _source(shapes: Shapes, level: int) -> int:
    """How wide the first attention of a level reads."""
    return shapes.side(f"down.{level}.attentions.0.blocks.0.attn1.k.weight", 1)


def mmdit_geometry(shapes: Shapes, heads: Callable[[int], int]) -> MMDiTGeometry:
    """The transformer of these weights; `heads` gives the head count for its width."""
    width, layers = shapes.side("patches.weight", 0), shapes.count("blocks")
    return MMDiTGeometry(
        channels=shapes.side("patches.weight", 1),
        patch=shapes.side("patches.weight", 2),
        width=width,
        layers=layers,
        heads=heads(width),
        context=shapes.side("context.weight", 1),
        pooled=shapes.side("pooled_in.weight", 1),
        positions=isqrt(shapes.side("position", 1)),
        qk_norm=shapes.has("blocks.0.x.attn.norm_q"),
        dual=sum(shapes.has(f"blocks.{i}.x.attn2") for i in range(layers)),
    )


def autoencoder_geometry(shapes: Shapes, norm_groups: int) -> AutoencoderGeometry:
    """The autoencoder of these weights."""
    levels = range(shapes.count("encoder.down"))
    return AutoencoderGeometry(
        channels=tuple(shapes.side(f"encoder.down.{i}.resnets.0.conv1.weight", 0) for i in levels),
        layers=shapes.count("encoder.down.0.resnets"),
        latent=shapes.side("decoder.conv_in.weight", 1),
        norm_groups=norm_groups,
        pixels=shapes.side("encoder.conv_in.weight", 1),
        quant=shapes.has("quant.weight"),
    )


def clip_geometry(shapes: Shapes, heads: Callable[[int], int], activation: str) -> ClipGeometry:
    """The text encoder of these weights; `heads` gives the head count for its width."""
    width = shapes.side("token.weight", 1)
    return ClipGeometry(
        vocab=shapes.side("token.weight", 0),
        length=shapes.side("position", 0),
        width=width,
        layers=shapes.count("blocks"),
        heads=heads(width),
        hidden=shapes.side("blocks.0.fc1.weight", 0),
        activation=activation,
        projection=shapes.side("projection.weight", 0) if shapes.has("projection.weight") else None,
    )


def t5_geometry(shapes: Shapes) -> T5Geometry:
    """The T5 encoder of these weights; the distance from which all positions are alike is that of every T5."""
    heads = shapes.side("position.weight", 1)
    return T5Geometry(
        vocab=shapes.side("token.weight", 0),
        width=shapes.side("token.weight", 1),
        layers=shapes.count("blocks"),
        heads=heads,
        head=max(1, shapes.side("blocks.0.q.weight", 0) // max(1, heads)),
        hidden=shapes.side("blocks.0.fc1.weight", 0),
        buckets=shapes.side("position.weight", 0),
    )
