"""The CLIP vision towers L/14, H/14 and bigG/14: from a picture to a vector and the states of its patches.

Takes an explicit geometry and pixels that are resized, cropped and normalised already (`vision_input`). Knows no
files and nothing of who reads the vector. The network is the picture half of Radford et al. 2021 (openai/CLIP
clip/model.py, VisionTransformer).

Shapes: B batch, S side in pixels, T = (S / patch)^2 + 1 tokens, the class token first, D width, P projected width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mezzotint.nets.clip import ACTIVATIONS, ClipBlock
from mezzotint.nets.layers import to_tokens
from mezzotint.values.errors import BadValue, UnknownName


@dataclass(frozen=True)
class VisionGeometry:
    """The sizes of a vision tower: `side` S and `patch` in pixels, `width` D, `layers`, `heads`, `hidden` width of
    the feed-forward, `activation` a name in ACTIVATIONS, `projection` P or None for none, `pixels` channels."""

    side: int
    patch: int
    width: int
    layers: int
    heads: int
    hidden: int
    activation: str
    projection: int | None = None
    pixels: int = 3

    def __post_init__(self) -> None:
        sizes = (self.side, self.patch, self.width, self.layers, self.heads, self.hidden, self.pixels)
        if min(*sizes, 1 if self.projection is None else self.projection) < 1:
            raise BadValue("width", "every size of a vision tower must be at least 1", "check the geometry")
        if self.width % self.heads:
            raise BadValue(
                "heads", f"{self.heads} heads do not divide width {self.width}", "choose a divisor"
            )
        if self.side < self.patch:
            raise BadValue("patch", f"{self.patch} pixels in a side of {self.side}", "choose a smaller patch")
        if self.activation not in ACTIVATIONS:
            raise UnknownName("activation", self.activation, tuple(ACTIVATIONS))

    @property
    def length(self) -> int:
        """T: all patches and the class token."""
        return (self.side // self.patch) ** 2 + 1


VIT_L_14 = VisionGeometry(224, 14, 1024, 24, 16, 4096, "quick_gelu", 768)
"""OpenAI's: SD 2.1 unCLIP-L and the safety checker."""
VIT_H_14 = VisionGeometry(224, 14, 1280, 32, 16, 5120, "gelu", 1024)
"""OpenCLIP's: SD 2.1 unCLIP-H and most IP-Adapters."""
VIT_BIG_G_14 = VisionGeometry(224, 14, 1664, 48, 16, 8192, "gelu", 1280)
"""OpenCLIP's: IP-Adapters of SDXL."""


@dataclass(frozen=True)
class VisionStates:
    """`tokens` B T D, without a final norm; `pooled` B P, the class token through norm and projection (B D without
    a projection)."""

    tokens: Tensor
    pooled: Tensor


class ClipVision(nn.Module):
    """The vision tower."""

    def __init__(self, geometry: VisionGeometry) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        self.class_token = nn.Parameter(torch.zeros(g.width))
        self.patch = nn.Conv2d(g.pixels, g.width, g.patch, stride=g.patch, bias=False)
        self.position = nn.Parameter(torch.zeros(g.length, g.width))
        self.norm_in = nn.LayerNorm(g.width)
        self.blocks = nn.ModuleList(ClipBlock(g, f"blocks.{i}") for i in range(g.layers))
        self.norm = nn.LayerNorm(g.width)
        self.projection = None if g.projection is None else nn.Linear(g.width, g.projection, bias=False)

    def forward(self, pixels: Tensor, skip: int = 0) -> VisionStates:
        """`pixels` B 3 S S, normalised, in the dtype of the weights -> VisionStates.

        `tokens` leaves out the last `skip` layers (IP-Adapter Plus reads with 1); `pooled` comes from all layers.
        Raises BadValue for a `skip` that leaves no layer and for pixels of another size or channel count.
        """
        g, count = self.geometry, len(self.blocks)
        if not 0 <= skip < count:
            raise BadValue("skip", f"cannot leave out {skip} of {count} layers", f"use 0 to {count - 1}")
        if pixels.dim() != 4 or tuple(pixels.shape[1:]) != (g.pixels, g.side, g.side):
            raise BadValue(
                "pixels",
                f"a vision tower for {g.pixels} x {g.side} x {g.side} got {tuple(pixels.shape)}",
                "prepare pictures for the side of this tower",
            )
        first = self.class_token.expand(pixels.shape[0], 1, -1)
        x = self.norm_in(torch.cat([first, to_tokens(self.patch(pixels))], dim=1) + self.position)
        tokens = x
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == count - 1 - skip:
                tokens = x
        pooled = self.norm(x[:, 0])
        return VisionStates(tokens, pooled if self.projection is None else self.projection(pooled))
