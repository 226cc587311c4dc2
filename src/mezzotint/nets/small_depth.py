"""A small network that tells from one picture how near each place is: one call, pixels to a plane.

Takes a picture; gives a plane of the same size. Knows no files and no latent. It is a U-Net of residual blocks with
group norms (Ronneberger et al. 2015), without attention; its lowest level sees most of a picture of 64 pixels at once.

Shapes: B batch, P pixel channels, H W rows and columns.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from mezzotint.nets.layers import Resnet, conv3, normed_silu, upsampled
from mezzotint.values.errors import BadValue

EPS = 1e-5


@dataclass(frozen=True)
class SmallDepthGeometry:
    """The sizes of the network: the `widths` of its levels, each but the first at half the size of the one before;
    `layers` residual blocks a level on the way down and as many on the way up."""

    widths: tuple[int, ...] = (16, 32, 48, 64)
    layers: int = 1
    norm_groups: int = 8
    pixels: int = 3

    def __post_init__(self) -> None:
        if not self.widths or min(*self.widths, self.layers, self.norm_groups, self.pixels) < 1:
            raise BadValue("widths", "every size of a depth network must be at least 1", "check the geometry")
        if any(width % self.norm_groups for width in self.widths):
            told = f"widths {self.widths} are no multiples of norm_groups {self.norm_groups}"
            raise BadValue("widths", told, "choose widths that the groups divide")


class SmallDepth(nn.Module):
    """The network."""

    def __init__(self, geometry: SmallDepthGeometry) -> None:
        super().__init__()
        g, widths = geometry, geometry.widths
        self.geometry = geometry
        self.conv_in = conv3(g.pixels, widths[0])
        self.down = nn.ModuleList(_level(g, width, width) for width in widths)
        self.halving = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(widths))
        self.doubling = nn.ModuleList(conv3(b, a) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_level(g, 2 * width, width) for width in widths[:-1])
        self.norm_out = nn.GroupNorm(g.norm_groups, widths[0], eps=EPS)
        self.conv_out = conv3(widths[0], 1)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures `B P H W` in -1..1, any H and W >= 1 -> depth `B 1 H W`, about 0 (far) to 1 (near).

        Raises BadValue for another number of channels.
        """
        if x.shape[1] != self.geometry.pixels:
            raise BadValue("picture", f"{x.shape[1]} channels", f"give {self.geometry.pixels}")
        h, kept = self.conv_in(x), list[Tensor]()
        for index, level in enumerate(self.down):
            if index:
                h = self.halving[index - 1](h)
            h = level(h)
            kept.append(h)
        for index in reversed(range(len(self.up))):
            skip = kept[index]
            conv = self.doubling[index]
            assert isinstance(conv, nn.Conv2d)
            h = upsampled(h, conv, (skip.shape[-2], skip.shape[-1]))
            h = self.up[index](torch.cat([h, skip], dim=1))
        return self.conv_out(normed_silu(self.norm_out, h))


def _level(geometry: SmallDepthGeometry, channels_in: int, channels: int) -> nn.Sequential:
    widths = (channels_in, *[channels] * geometry.layers)
    return nn.Sequential(
        *(Resnet(a, b, groups=geometry.norm_groups, eps=EPS, time=None) for a, b in pairwise(widths))
    )
