"""A small network that enlarges pictures, without noise and without words: one call, pixels to pixels.

Takes a picture; gives it with each side a whole number of times as long. Knows no latent and no files. It is a residual
network without norms (Lim et al. 2017, EDSR) that ends in sub-pixel convolution (Shi et al. 2016) and adds to the cubic
enlargement of its input.

Shapes: B batch, P pixel channels, H W rows and columns, f = `factor`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.layers import conv3, zeroed
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class EnlargerGeometry:
    """The sizes of the network: `blocks` residual blocks of `width` channels between pixels and pixels `factor` times
    as many along each side."""

    width: int = 48
    blocks: int = 10
    factor: int = 2
    pixels: int = 3

    def __post_init__(self) -> None:
        if min(self.width, self.blocks, self.pixels) < 1 or self.factor < 2:
            raise BadValue("width", "every size of an upscaler must be at least 1", "check the geometry")

    @property
    def reach(self) -> int:
        """How many pixels of the input, to each side of its own, an output pixel depends on: tiles that overlap by as
        many on each side are the same as the whole."""
        return 2 * self.blocks + 3


class EnlargerBlock(nn.Module):
    """Two convolutions around a residual; a fresh one is the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv3(width, width)
        self.conv2 = zeroed(conv3(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C H W."""
        return x + self.conv2(F.silu(self.conv1(x), inplace=not torch.is_grad_enabled()))


class Enlarger(nn.Module):
    """The network; a fresh one is the cubic enlargement (its last convolution is zero)."""

    def __init__(self, geometry: EnlargerGeometry) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        self.conv_in = conv3(g.pixels, g.width)
        self.blocks = nn.ModuleList(EnlargerBlock(g.width) for _ in range(g.blocks))
        self.conv_mid = conv3(g.width, g.width)
        self.conv_out = zeroed(conv3(g.width, g.pixels * g.factor**2))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures `B P H W` in -1..1, any H and W >= 1 -> `B P fH fW`, about -1..1.

        Raises BadValue for another number of channels.
        """
        if x.shape[1] != self.geometry.pixels:
            raise BadValue("picture", f"{x.shape[1]} channels", f"give {self.geometry.pixels}")
        first = self.conv_in(x)
        h = first
        for block in self.blocks:
            h = block(h)
        h = F.silu(first + self.conv_mid(h))
        added = F.pixel_shuffle(self.conv_out(h), self.geometry.factor)
        return F.interpolate(x, scale_factor=float(self.geometry.factor), mode="bicubic") + added
