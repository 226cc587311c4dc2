"""The vision tower of SigLIP: from a picture to the states of its patches.

Takes an explicit geometry and pixels that are resized and normalised already (`vision_input`). Knows no files and
nothing of who reads the states. The network is the picture half of Zhai et al. 2023 (google-research/big_vision,
models/vit.py) without the head that makes one vector of it.

Shapes: B batch, S side in pixels, T = (S / patch)^2 tokens, D width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mezzotint.nets.clip import ClipBlock
from mezzotint.nets.layers import to_tokens
from mezzotint.values.errors import BadValue

EPS = 1e-6
"""Of its layer norms."""


@dataclass(frozen=True)
class SiglipGeometry:
    """The sizes of a tower: `side` S and `patch` in pixels, `width` D, `layers`, `heads`, `hidden` width of the
    feed-forward, `pixels` channels."""

    side: int
    patch: int
    width: int
    layers: int
    heads: int
    hidden: int
    pixels: int = 3

    def __post_init__(self) -> None:
        if min(self.side, self.patch, self.width, self.layers, self.heads, self.hidden, self.pixels) < 1:
            raise BadValue("width", "every size of a vision tower must be at least 1", "check the geometry")
        if self.width % self.heads:
            told = f"{self.heads} heads do not divide width {self.width}"
            raise BadValue("heads", told, "choose a divisor")
        if self.side < self.patch:
            raise BadValue("patch", f"{self.patch} pixels in a side of {self.side}", "choose a smaller patch")

    @property
    def activation(self) -> str:
        """The activation of the feed-forward, a name in ACTIVATIONS."""
        return "gelu_pytorch_tanh"

    @property
    def length(self) -> int:
        """T."""
        return (self.side // self.patch) ** 2


SO400M_14_384 = SiglipGeometry(384, 14, 1152, 27, 16, 4304)
"""google/siglip-so400m-patch14-384, which the IP-Adapter of SD 3.5 large looks through."""


class Siglip(nn.Module):
    """The vision tower."""

    def __init__(self, geometry: SiglipGeometry) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        self.patch = nn.Conv2d(g.pixels, g.width, g.patch, stride=g.patch)
        self.position = nn.Parameter(torch.zeros(g.length, g.width))
        self.blocks = nn.ModuleList(ClipBlock(g, f"blocks.{i}", EPS) for i in range(g.layers))

    def forward(self, pixels: Tensor, skip: int = 0) -> Tensor:
        """`pixels` B 3 S S, normalised, in the dtype of the weights -> B T D without a final norm, without the last
        `skip` layers (IP-Adapter reads with 1).

        Raises BadValue for a `skip` that leaves no layer and for pixels of another size or channel count.
        """
        g, count = self.geometry, len(self.blocks)
        if not 0 <= skip < count:
            raise BadValue("skip", f"cannot leave out {skip} of {count} layers", f"use 0 to {count - 1}")
        if pixels.dim() != 4 or tuple(pixels.shape[1:]) != (g.pixels, g.side, g.side):
            told = f"a vision tower for {g.pixels} x {g.side} x {g.side} got {tuple(pixels.shape)}"
            raise BadValue("pixels", told, "prepare pictures for the side of this tower")
        x = to_tokens(self.patch(pixels)) + self.position
        for block in self.blocks[: count - skip]:
            x = block(x)
        return x
