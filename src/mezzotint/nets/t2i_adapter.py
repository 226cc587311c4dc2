"""T2I-Adapter: a small network that turns a hint picture into features that a UNet adds on its way down.

Takes the hint alone, so it runs once a picture; gives an `Inject` for the UNet. Knows no preprocessor and no files. The
network is that of Mou et al. 2023 (TencentARC/T2I-Adapter, ldm/modules/encoders/adapter.py).

Shapes: B batch, P hint channels, C channels, H W hint rows and columns, f = `unshuffle`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.conditioning import Inject
from mezzotint.nets.layers import conv1, conv3
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class AdapterGeometry:
    """The sizes of an adapter. Per block: `channels`, and `halved`, whether it begins by halving H and W; `layers`
    residual blocks each; `unshuffle` hint pixels a side become channels; `light` = blocks work at a quarter of their
    width, and every second convolution of a residual block is 3x3 instead of 1x1."""

    channels: tuple[int, ...]
    halved: tuple[bool, ...]
    layers: int = 2
    unshuffle: int = 8
    pixels: int = 3
    light: bool = False

    def __post_init__(self) -> None:
        if not self.channels or len(self.halved) != len(self.channels):
            raise BadValue("channels", "an adapter needs blocks", "give one width and one flag per block")
        least = min(*(width // (4 if self.light else 1) for width in self.channels), self.layers)
        if min(least, self.unshuffle, self.pixels) < 1:
            raise BadValue("channels", "every size of an adapter must be at least 1", "check the geometry")


class AdapterResnet(nn.Module):
    """Two convolutions with a ReLU between them, around a residual."""

    def __init__(self, channels: int, light: bool) -> None:
        super().__init__()
        self.conv1 = conv3(channels, channels)
        self.conv2 = conv3(channels, channels) if light else conv1(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C H W."""
        return self.conv2(F.relu(self.conv1(x))) + x


class AdapterBlock(nn.Module):
    """Residual blocks of one width, between 1x1 convolutions where the width changes."""

    def __init__(self, channels_in: int, channels: int, halved: bool, layers: int, light: bool) -> None:
        super().__init__()
        inner = channels // 4 if light else channels
        self.halved = halved
        self.conv_in = conv1(channels_in, inner) if light or channels_in != inner else None
        self.resnets = nn.ModuleList(AdapterResnet(inner, light) for _ in range(layers))
        self.conv_out = conv1(inner, channels) if light else None

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C' H W, or half of it, rounded up."""
        if self.halved:
            x = F.avg_pool2d(x, 2, stride=2, ceil_mode=True)
        if self.conv_in is not None:
            x = self.conv_in(x)
        for resnet in self.resnets:
            x = resnet(x)
        return x if self.conv_out is None else self.conv_out(x)


class T2IAdapter(nn.Module):
    """The network."""

    def __init__(self, geometry: AdapterGeometry) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        pixels = g.pixels * g.unshuffle**2
        self.conv_in = None if g.light else conv3(pixels, g.channels[0])
        widths = (pixels if g.light else g.channels[0], *g.channels)
        self.blocks = nn.ModuleList(
            AdapterBlock(a, b, halved, g.layers, g.light)
            for (a, b), halved in zip(pairwise(widths), g.halved, strict=True)
        )

    def features(self, hint: Tensor) -> list[Tensor]:
        """`hint` B P H W in 0..1 -> one feature map a block. Raises BadValue for sides that are no multiples of
        `unshuffle`; halving rounds up, as the UNet does."""
        factor = self.geometry.unshuffle
        if hint.shape[1] != self.geometry.pixels or hint.shape[-2] % factor or hint.shape[-1] % factor:
            raise BadValue(
                "hint",
                f"a hint {tuple(hint.shape)}",
                f"give {self.geometry.pixels} channels and sides that are multiples of {factor}",
            )
        x = F.pixel_unshuffle(hint, self.geometry.unshuffle)
        if self.conv_in is not None:
            x = self.conv_in(x)
        made: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            made.append(x)
        return made

    def forward(self, hint: Tensor, unet: UNetGeometry, scale: Tensor) -> Inject:
        """`hint` B P H W in 0..1; `unet` is what it is for; `scale` () or B weighs all that is added -> residuals."""
        weight = scale.to(hint).reshape(-1, 1, 1, 1)
        made = {
            site: feature * weight for site, feature in zip(sites(unet), self.features(hint), strict=False)
        }
        return Inject(residuals=MappingProxyType(made))


def sites(unet: UNetGeometry) -> Sequence[str]:
    """Where a UNet adds the features of an adapter, in their order: a level with transformers before it is halved, one
    without after that, and at last the middle (diffusers, UNet2DConditionModel)."""
    found: list[str] = []
    number, last = 0, len(unet.channels) - 1
    for i, attended in enumerate(unet.attention):
        after = number + unet.layers + (i < last)
        found.append(f"path.{number + unet.layers if attended else after}")
        number = after
    return (*found, "mid")
