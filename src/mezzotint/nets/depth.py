"""The depth network of Stable Diffusion 2 depth: MiDaS' DPT-hybrid, from a picture to how near each pixel is.

Takes pixels and an explicit geometry; gives inverse depth in no unit, and the plane that the UNet reads. Knows no
files. The network is that of Ranftl et al. 2021 (isl-org/DPT, dpt/models.py): a ResNet stem, a vision transformer on
its features, and a convolutional decoder that joins four resolutions.

Shapes: B batch, H W pixels (multiples of 32), T = H/16 * W/16 + 1 tokens, the class token first, D width, C fusion
width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.clip import ClipBlock
from mezzotint.nets.depth_stem import BOTTLENECK, Stem
from mezzotint.nets.layers import conv1, conv3, to_planes, to_tokens
from mezzotint.values.errors import BadValue

MULTIPLE = 32
"""Sides are multiples of this: 16 pixels a token, and one halving after them."""
SIDE = 384
"""The side that the published weights were trained with."""
FLAT = 0.001
"""Added to the range of a depth map before dividing by it (LatentDepth2ImageDiffusion.get_input)."""


@dataclass(frozen=True)
class DepthGeometry:
    """The sizes of a depth network: `side` of the pictures that `position` was learned on; the stem's `stem` width,
    widths and number of `blocks` of its three `stages`, `groups` of its norms; `width` D, `layers`, `heads` and
    `hidden` width of the transformer, whose layers of index `taps` are read; `fusion` C; `head` width of the last
    but one convolution; `eps` of the layer norms (1e-6 in timm; a folder's config.json may say another)."""

    side: int = SIDE
    stem: int = 64
    stages: tuple[int, int, int] = (256, 512, 1024)
    blocks: tuple[int, int, int] = (3, 4, 9)
    groups: int = 32
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    taps: tuple[int, int] = (8, 11)
    fusion: int = 256
    head: int = 32
    eps: float = 1e-6
    activation: str = "gelu"

    def __post_init__(self) -> None:
        sizes = (self.stem, self.groups, self.width, self.layers, self.heads, self.hidden, self.head)
        if min(*sizes, *self.stages, *self.blocks) < 1 or self.fusion < 2:
            raise BadValue("width", "every size of a depth network must be at least 1", "check the geometry")
        if self.width % self.heads:
            raise BadValue(
                "heads", f"{self.heads} heads do not divide width {self.width}", "choose a divisor"
            )
        if self.side < MULTIPLE or self.side % MULTIPLE:
            raise BadValue("side", f"{self.side} pixels", f"use a multiple of {MULTIPLE}")
        if any(width % (BOTTLENECK * self.groups) for width in self.stages) or self.stem % self.groups:
            raise BadValue("groups", f"{self.groups} do not divide the stem's widths", "choose a divisor")
        if not 0 <= self.taps[0] <= self.taps[1] < self.layers:
            raise BadValue("taps", f"{self.taps} of {self.layers} layers", "use two layers in their order")


class Reassemble(nn.Module):
    """Tokens back to a feature map: the class token is mixed into every other, then a 1x1 convolution, then half
    the resolution where `halved`."""

    def __init__(self, width: int, halved: bool) -> None:
        super().__init__()
        self.readout = nn.Linear(2 * width, width)
        self.projection = conv1(width, width)
        self.halve = nn.Conv2d(width, width, 3, stride=2, padding=1) if halved else None

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """B T D -> B D height width, or half of it."""
        first, rest = tokens[:, :1], tokens[:, 1:]
        mixed = F.gelu(self.readout(torch.cat([rest, first.expand_as(rest)], dim=-1)))
        x = self.projection(to_planes(mixed, height, width).contiguous())
        return x if self.halve is None else self.halve(x)


class Residual(nn.Module):
    """ReLU and a 3x3 convolution, twice, around a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv3(width, width)
        self.conv2 = conv3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C H W."""
        return self.conv2(F.relu(self.conv1(F.relu(x)))) + x


class Fusion(nn.Module):
    """Adds the features of one resolution to what came from below, and doubles the resolution.

    `res1` is read where something came from below: not at the lowest resolution, whose files hold it all the same.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.res1 = Residual(width)
        self.res2 = Residual(width)
        self.out = conv1(width, width)

    def forward(self, feature: Tensor, below: Tensor | None) -> Tensor:
        """`feature` B C H W, `below` of the same shape or None -> B C 2H 2W."""
        x = self.res2(feature if below is None else below + self.res1(feature))
        return self.out(_doubled(x))


class DepthHead(nn.Module):
    """From the fused features to one channel at twice their resolution, never negative."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.conv1 = conv3(width, width // 2)
        self.conv2 = conv3(width // 2, inner)
        self.conv3 = conv1(inner, 1)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B 1 2H 2W."""
        return F.relu(self.conv3(F.relu(self.conv2(_doubled(self.conv1(x))))))


class DepthNet(nn.Module):
    """The depth network. `norm` is the transformer's last and is not read; it is kept so that files come back whole."""

    def __init__(self, geometry: DepthGeometry) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        self.stem = Stem(3, g.stem, g.stages, g.blocks, g.groups)
        self.patch = conv1(g.stages[-1], g.width)
        self.class_token = nn.Parameter(torch.zeros(1, 1, g.width))
        self.position = nn.Parameter(torch.zeros(1, (g.side // 16) ** 2 + 1, g.width))
        self.blocks = nn.ModuleList(ClipBlock(g, f"blocks.{i}", g.eps) for i in range(g.layers))
        self.norm = nn.LayerNorm(g.width, eps=g.eps)
        self.reassemble = nn.ModuleList(Reassemble(g.width, halved) for halved in (False, True))
        widths = (*g.stages[:2], g.width, g.width)
        self.necks = nn.ModuleList(nn.Conv2d(w, g.fusion, 3, padding=1, bias=False) for w in widths)
        self.fusions = nn.ModuleList(Fusion(g.fusion) for _ in widths)
        self.head = DepthHead(g.fusion, g.head)

    def forward(self, pixels: Tensor) -> Tensor:
        """`pixels` B 3 H W in -1..1, sides multiples of 32 (`depth_pixels`) -> inverse depth B 1 H W, 0 or more.

        Raises BadValue for other sides.
        """
        height, width = pixels.shape[-2:]
        if height % MULTIPLE or width % MULTIPLE or not height or not width:
            raise BadValue(
                "pixels",
                f"a picture of {width} x {height} pixels has no depth here",
                f"resize it to multiples of {MULTIPLE}",
            )
        stages = self.stem(pixels)
        tapped = self._transformed(stages[-1])
        maps = [
            part(tokens, height // 16, width // 16)
            for part, tokens in zip(self.reassemble, tapped, strict=True)
        ]
        features = [neck(x) for neck, x in zip(self.necks, (*stages[:2], *maps), strict=True)]
        x: Tensor | None = None
        for fusion, feature in zip(reversed(self.fusions), reversed(features), strict=True):
            x = fusion(feature, x)
        return self.head(x)

    def _transformed(self, features: Tensor) -> list[Tensor]:
        """The tokens after each layer of `taps`."""
        height, width = features.shape[-2:]
        first = self.class_token.expand(features.shape[0], -1, -1)
        x = torch.cat([first, to_tokens(self.patch(features))], dim=1) + self._positions(height, width)
        after: list[Tensor] = []
        for block in self.blocks:
            x = block(x)
            after.append(x)
        return [after[tap] for tap in self.geometry.taps]

    def _positions(self, height: int, width: int) -> Tensor:
        """The learned positions, stretched to another grid: 1 T D."""
        side = self.geometry.side // 16
        grid = to_planes(self.position[:, 1:], side, side)
        grid = F.interpolate(grid, size=(height, width), mode="bilinear")
        return torch.cat([self.position[:, :1], to_tokens(grid)], dim=1)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


def depth_size(height: int, width: int, side: int = SIDE) -> tuple[int, int]:
    """The size (H, W) at which a picture's depth is taken: one side near `side`, the shape kept, multiples of 32.

    The side that needs less change decides (ldm/modules/midas/midas/transforms.py, Resize, "minimal").
    """
    tall, wide = side / height, side / width
    scale = wide if abs(1 - wide) < abs(1 - tall) else tall
    sides = (max(1, round(scale * length / MULTIPLE)) * MULTIPLE for length in (height, width))
    return cast("tuple[int, int]", tuple(sides))


def depth_pixels(pixels: Tensor, side: int = SIDE) -> Tensor:
    """`pixels` B 3 H W in -1..1 at the size that the depth network wants, by cubic interpolation without smoothing
    (OpenCV's INTER_CUBIC, which the authors use)."""
    height, width = depth_size(pixels.shape[-2], pixels.shape[-1], side)
    return F.interpolate(pixels, size=(height, width), mode="bicubic", align_corners=False)


def depth_plane(depth: Tensor, size: Sequence[int], flat: float = FLAT) -> Tensor:
    """Inverse depth B 1 H W -> what the UNet reads beside the latent: B 1 h w of `size`, each picture's range at
    -1..1.

    LatentDepth2ImageDiffusion.get_input, which divides by the range + 0.001; diffusers adds nothing (`flat` 0).
    """
    plane = F.interpolate(depth, size=(size[0], size[1]), mode="bicubic", align_corners=False)
    low, high = plane.amin(dim=(1, 2, 3), keepdim=True), plane.amax(dim=(1, 2, 3), keepdim=True)
    return 2.0 * (plane - low) / (high - low + flat) - 1.0
