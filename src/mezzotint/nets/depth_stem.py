"""The convolutional stem of the depth network: BiT's ResNet-50 without its last stage (Kolesnikov et al. 2020).

Takes pixels; gives the features of each stage. Knows no transformer and no files. Convolutions use weights with zero
mean and unit variance per output channel, and pad as TensorFlow does: the odd pixel goes right and below.

Shapes: B batch, C channels, H W rows and columns.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STANDARD_EPS = 1e-8
"""Added to the variance of weights (Qiao et al. 2019, as in timm's StdConv2dSame)."""
BOTTLENECK = 4
"""How much narrower a block is inside."""


def padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """`x` with the zeros around it that make ceil(H / stride) x ceil(W / stride) windows of `kernel`."""
    height, width = (
        max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in (x.shape[-2], x.shape[-1])
    )
    if not height and not width:
        return x
    return F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))


class StandardConv(nn.Module):
    """A convolution without bias whose weights are standardised whenever they are used."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, kernel, kernel))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C' ceil(H / stride) ceil(W / stride)."""
        flat = self.weight.reshape(1, self.weight.shape[0], -1)
        weight = F.batch_norm(flat, None, None, training=True, momentum=0.0, eps=STANDARD_EPS)
        return F.conv2d(
            padded(x, self.kernel, self.stride), weight.reshape_as(self.weight), stride=self.stride
        )


class Shortcut(nn.Module):
    """The path beside the first block of a stage, to its width and resolution."""

    def __init__(self, channels_in: int, channels: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = StandardConv(channels_in, channels, 1, stride)
        self.norm = nn.GroupNorm(groups, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C' H/stride W/stride."""
        return self.norm(self.conv(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution with norms around a shortcut (He et al. 2015, the stride at the 3x3)."""

    def __init__(self, channels_in: int, channels: int, stride: int, groups: int, first: bool) -> None:
        super().__init__()
        inner = channels // BOTTLENECK
        self.shortcut = Shortcut(channels_in, channels, stride, groups) if first else None
        self.conv1 = StandardConv(channels_in, inner, 1)
        self.norm1 = nn.GroupNorm(groups, inner)
        self.conv2 = StandardConv(inner, inner, 3, stride)
        self.norm2 = nn.GroupNorm(groups, inner)
        self.conv3 = StandardConv(inner, channels, 1)
        self.norm3 = nn.GroupNorm(groups, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C' H/stride W/stride."""
        h = F.relu(self.norm1(self.conv1(x)))
        h = F.relu(self.norm2(self.conv2(h)))
        h = self.norm3(self.conv3(h))
        return F.relu(h + (x if self.shortcut is None else self.shortcut(x)))


class Stage(nn.Module):
    """Blocks of one resolution, of which the first may halve it."""

    def __init__(self, channels_in: int, channels: int, blocks: int, stride: int, groups: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(
                Bottleneck(channels if i else channels_in, channels, 1 if i else stride, groups, i == 0)
                for i in range(blocks)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C' H/stride W/stride."""
        return self.blocks(x)


class Stem(nn.Module):
    """A 7x7 convolution and pooling to a quarter of the resolution, then stages at 1/4, 1/8 and 1/16."""

    def __init__(
        self, pixels: int, width: int, channels: Sequence[int], blocks: Sequence[int], groups: int
    ) -> None:
        super().__init__()
        self.conv = StandardConv(pixels, width, 7, 2)
        self.norm = nn.GroupNorm(groups, width)
        widths = pairwise((width, *channels))
        self.stages = nn.ModuleList(
            Stage(before, after, count, 2 if i else 1, groups)
            for i, ((before, after), count) in enumerate(zip(widths, blocks, strict=True))
        )

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """B 3 H W -> the features of each stage, B C_i H/4 W/4 and half of it from each to the next."""
        x = F.relu(self.norm(self.conv(pixels)))
        # Zeros are as good as minus infinity here: nothing is below zero after ReLU.
        x = F.max_pool2d(padded(x, 3, 2), 3, 2)
        features: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features
