"""Reads the geometry of the networks that look at pictures off the names and shapes of their weights.

Takes shapes by our names, of one network. Gives geometries; what shapes do not tell (head counts, activation, epsilon)
is known of the published ones and may be told otherwise. Raises WeightsMismatch where a weight that decides is
missing, BadValue for sizes that no network has.
"""

from math import isqrt

from mezzotint.families.geometry import Shapes
from mezzotint.nets.depth import DepthGeometry
from mezzotint.nets.siglip import SO400M_14_384, SiglipGeometry
from mezzotint.nets.tiny import TinyGeometry
from mezzotint.nets.vision import VIT_L_14, VisionGeometry
from mezzotint.values.errors import BadValue

VISION_HEADS = 16
"""All three published towers have as many, whatever their width."""
SIGLIP_HEAD_WIDTH = 64
DEPTH_HEAD_WIDTH = 64
DEPTH_EPS = 1e-6
"""Of the layer norms in the authors' network."""
DEPTH_TOKEN = 16
"""Pixels along one side of a token."""


def vision_geometry(
    shapes: Shapes, heads: int = VISION_HEADS, activation: str | None = None
) -> VisionGeometry:
    """The vision tower of these weights; `activation` None: OpenAI's for the width of ViT-L, else GELU."""
    width, patch = shapes.side("class_token", 0), shapes.side("patch.weight", 2)
    known = VIT_L_14.activation if width == VIT_L_14.width else "gelu"
    return VisionGeometry(
        side=patch * _grid(shapes.side("position", 0)),
        patch=patch,
        width=width,
        layers=shapes.count("blocks"),
        heads=heads,
        hidden=shapes.side("blocks.0.fc1.weight", 0),
        activation=activation or known,
        projection=shapes.side("projection.weight", 0) if shapes.has("projection") else None,
        pixels=shapes.side("patch.weight", 1),
    )


def siglip_geometry(shapes: Shapes, heads: int | None = None, side: int | None = None) -> SiglipGeometry:
    """SigLIP's tower of these weights; `heads` None are 64 wide, but for the widest published one, as published. `side`
    None is what its patches cover, but for the published one of 27 x 27, whose pictures are a little larger."""
    width, patch = shapes.side("position", 1), shapes.side("patch.weight", 2)
    known = SO400M_14_384.heads if width == SO400M_14_384.width else max(1, width // SIGLIP_HEAD_WIDTH)
    grid = _square(shapes.side("position", 0), "no square")
    if side is None:
        widest = SO400M_14_384
        side = widest.side if (patch, grid**2) == (widest.patch, widest.length) else patch * grid
    if side // max(1, patch) != grid:
        raise BadValue(
            "side", f"{side} pixels for {grid} patches of {patch}", "use a tower as it was published"
        )
    return SiglipGeometry(
        side=side,
        patch=patch,
        width=width,
        layers=shapes.count("blocks"),
        heads=heads or known,
        hidden=shapes.side("blocks.0.fc1.weight", 0),
        pixels=shapes.side("patch.weight", 1),
    )


def tiny_geometry(shapes: Shapes) -> TinyGeometry:
    """The tiny autoencoder of these weights, both halves of it."""
    return TinyGeometry(
        latent=shapes.side("decoder.conv_in.weight", 1),
        width=shapes.side("decoder.conv_in.weight", 0),
        pixels=shapes.side("encoder.conv_in.weight", 1),
    )


def depth_geometry(
    shapes: Shapes, eps: float = DEPTH_EPS, heads: int | None = None, groups: int = 32
) -> DepthGeometry:
    """The depth network of these weights; the layers it reads are the ninth and the twelfth, and `heads` None are as
    wide, as published."""
    width = shapes.side("class_token", 2)
    stages = [shapes.side(f"stem.stages.{i}.blocks.0.conv3.weight", 0) for i in range(3)]
    blocks = [shapes.count(f"stem.stages.{i}.blocks") for i in range(3)]
    return DepthGeometry(
        side=DEPTH_TOKEN * _grid(shapes.side("position", 1)),
        stem=shapes.side("stem.conv.weight", 0),
        stages=(stages[0], stages[1], stages[2]),
        blocks=(blocks[0], blocks[1], blocks[2]),
        groups=groups,
        width=width,
        layers=shapes.count("blocks"),
        heads=heads or max(1, width // DEPTH_HEAD_WIDTH),
        hidden=shapes.side("blocks.0.fc1.weight", 0),
        fusion=shapes.side("necks.0.weight", 0),
        head=shapes.side("head.conv2.weight", 0),
        eps=eps,
    )


def _grid(length: int) -> int:
    """The side of the square of tokens, of which one more is the class."""
    return _square(length, "no square and one", 1)


def _square(length: int, told: str, more: int = 0) -> int:
    side = isqrt(max(0, length - more))
    if side * side + more != length:
        raise BadValue("position", f"{length} positions are {told}", "use a network for square pictures")
    return side
