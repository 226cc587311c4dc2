"""Reads the geometry of the three networks off names and shapes of weights.

Takes shapes by our names (`unet.`, `autoencoder.`, `text.`). Gives geometries; what shapes do not tell (head counts,
groups, activation) comes in as arguments. Raises WeightsMismatch where a weight that decides something is missing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import WeightsMismatch

Shape = tuple[int, ...]


class Shapes:
    """Shapes by name, of one part of a model; `path` is named in errors."""

    def __init__(self, shapes: Mapping[str, Shape], part: str, path: Path) -> None:
        self._shapes = {n.removeprefix(part): s for n, s in shapes.items() if n.startswith(part)}
        self._part, self._path = part, path
        self._parents = {name[:end] for name in self._shapes for end, c in enumerate(name) if c == "."}

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


def unet_geometry(shapes: Shapes, heads: Callable[[Shape], Shape], norm_groups: int) -> UNetGeometry:
    """The UNet of these weights; `heads` gives the head counts for the widths of the levels."""
    levels = range(shapes.count("down"))
    channels = tuple(shapes.side(f"down.{i}.resnets.0.conv1.weight", 0) for i in levels)
    return UNetGeometry(
        in_channels=shapes.side("conv_in.weight", 1),
        out_channels=shapes.side("conv_out.weight", 0),
        channels=channels,
        layers=shapes.count("down.0.resnets"),
        attention=tuple(shapes.has(f"down.{i}.attentions.0") for i in levels),
        heads=heads(channels),
        context=shapes.side("mid.attention.blocks.0.attn2.k.weight", 1),
        blocks=shapes.count("mid.attention.blocks"),
        linear_projection=shapes.rank("mid.attention.proj_in.weight") == 2,
        norm_groups=norm_groups,
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
