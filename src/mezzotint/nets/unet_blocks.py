"""The blocks of the UNet: spatial transformers, and the levels built with them.

Takes and gives tensors; knows no geometry of a whole network, no noise schedule and no files. The blocks are
those of Rombach et al. 2022 (ldm/modules/attention.py and ldm/modules/diffusionmodules/openaimodel.py).

Shapes: B batch, C channels, H W latent rows and columns, T = H*W tokens, S text tokens, D text width, E time
width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import Within, attend_within, join_heads, split_heads
from mezzotint.nets.features import in_manner
from mezzotint.nets.layers import GroupNorm, Resnet, conv1, conv3, to_planes, to_tokens, upsampled, zeroed
from mezzotint.values.errors import BadValue

NOTHING: Mapping[str, Tensor] = MappingProxyType({})
RESNET_EPS = 1e-5
TRANSFORMER_EPS = 1e-6


@dataclass(frozen=True)
class LevelShape:
    """What the blocks of one level have in common. `heads` is 0 for a level without attention; `blocks` is
    the depth of its transformers; `context` D; `time` E; `linear` = projections are Linear, not 1x1
    convolutions; `cross_only` = no self-attention, both attentions look at the text."""

    channels: int
    heads: int
    blocks: int
    context: int
    time: int
    groups: int
    linear: bool
    cross_only: bool = False


class Attention(nn.Module):
    """Multi-head attention of tokens to a source: themselves, or the text."""

    def __init__(self, channels: int, source: int, heads: int, site: str) -> None:
        super().__init__()
        self.heads, self.site = heads, site
        self.q = nn.Linear(channels, channels, bias=False)
        self.k = nn.Linear(source, channels, bias=False)
        self.v = nn.Linear(source, channels, bias=False)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, source: Tensor, within: Within) -> Tensor:
        """`x` B T C, `source` B S D, `within` on a grid of T pixels -> B T C."""
        q, k, v = (split_heads(part, self.heads) for part in (self.q(x), self.k(source), self.v(source)))
        return self.out(join_heads(attend_within(q, k, v, self.site, within)))


class GegluFeedForward(nn.Module):
    """Linear to twice 4C, one half gated by the GELU of the other, linear back (Shazeer 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 8 * channels)
        self.out = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B T C -> B T C."""
        value, gate = self.proj(x).chunk(2, dim=-1)
        return self.out(value * F.gelu(gate))


class TransformerBlock(nn.Module):
    """Self-attention (or more attention to the text), attention to the text, feed-forward; each behind its
    norm and around a residual."""

    def __init__(self, shape: LevelShape, site: str) -> None:
        super().__init__()
        channels, context, heads = shape.channels, shape.context, shape.heads
        self.cross_only = shape.cross_only
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, context if self.cross_only else channels, heads, f"{site}.attn1")
        self.norm2 = nn.LayerNorm(channels)
        self.attn2 = Attention(channels, context, heads, f"{site}.attn2")
        self.norm3 = nn.LayerNorm(channels)
        self.ff = GegluFeedForward(channels)

    def forward(self, x: Tensor, text: Tensor, within: Within) -> Tensor:
        """`x` B T C, `text` B S D, `within` on a grid of T pixels -> B T C."""
        h = self.norm1(x)
        x = x + self.attn1(h, text if self.cross_only else h, within)
        x = x + self.attn2(self.norm2(x), text, within)
        return x + self.ff(self.norm3(x))


class SpatialTransformer(nn.Module):
    """Transformer blocks over the pixels of a feature map, around a residual that starts as the identity."""

    def __init__(self, shape: LevelShape, site: str) -> None:
        super().__init__()
        channels = shape.channels
        make = nn.Linear if shape.linear else conv1
        self.linear = shape.linear
        self.norm = GroupNorm(shape.groups, channels, eps=TRANSFORMER_EPS)
        self.proj_in = make(channels, channels)
        self.blocks = nn.ModuleList(
            TransformerBlock(shape, f"{site}.blocks.{i}") for i in range(shape.blocks)
        )
        self.proj_out = zeroed(make(channels, channels))

    def forward(self, x: Tensor, text: Tensor, within: Within) -> Tensor:
        """`x` B C H W, `text` B S D -> B C H W."""
        height, width = x.shape[-2:]
        here = within.at(height, width)
        h = self.norm(x)
        tokens = self.proj_in(to_tokens(h)) if self.linear else to_tokens(self.proj_in(h))
        for block in self.blocks:
            tokens = block(tokens, text, here)
        if self.linear:
            return x + to_planes(self.proj_out(tokens), height, width)
        return x + self.proj_out(to_planes(tokens, height, width))


def added(x: Tensor, residuals: Mapping[str, Tensor], site: str) -> Tensor:
    """`x` B C H W with the residual of its site, if there is one. Raises BadValue when it does not fit."""
    if site not in residuals:
        return x
    residual = residuals[site]
    if residual.dim() != x.dim() or any(
        a not in (1, b) for a, b in zip(residual.shape, x.shape, strict=True)
    ):
        raise BadValue(
            site,
            f"a residual {tuple(residual.shape)} for features {tuple(x.shape)}",
            "make the residuals for this network and this image size",
        )
    return x + residual


class DownLevel(nn.Module):
    """The residual blocks (and transformers) of one resolution, then (but at the last level) half of it."""

    def __init__(
        self, channels_in: int, shape: LevelShape, layers: int, last: bool, site: str, first: int
    ) -> None:
        """`first` is the number of the first skip connection that is made here."""
        super().__init__()
        channels = shape.channels
        self.first, self.site = first, site
        self.resnets = nn.ModuleList(
            unet_resnet(channels if i else channels_in, shape) for i in range(layers)
        )
        self.attentions = _transformers(shape, layers, site)
        self.downsample = None if last else nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        text: Tensor,
        within: Within,
        residuals: Mapping[str, Tensor] = NOTHING,
    ) -> list[Tensor]:
        """`x` B C H W, `time` B E, `text` B S D -> the skip connections made here; the last is the output.
        `residuals` at "path.N" are added where the skip connection N is made."""
        skips: list[Tensor] = []
        for i, resnet in enumerate(self.resnets):
            x = resnet(x, time)
            if self.attentions is not None:
                x = self.attentions[i](x, text, within)
            x = in_manner(x, f"{self.site}.{i}", within)
            x = added(x, residuals, f"path.{self.first + i}")
            skips.append(x)
        if self.downsample is not None:
            skips.append(added(self.downsample(x), residuals, f"path.{self.first + len(skips)}"))
        return skips


class MidLevel(nn.Module):
    """Residual block, transformer, residual block at the lowest resolution."""

    def __init__(self, shape: LevelShape) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(unet_resnet(shape.channels, shape) for _ in range(2))
        self.attention = SpatialTransformer(shape, "mid.attention")

    def forward(self, x: Tensor, time: Tensor, text: Tensor, within: Within) -> Tensor:
        """`x` B C H W, `time` B E, `text` B S D -> B C H W."""
        x = self.resnets[1](self.attention(self.resnets[0](x, time), text, within), time)
        return in_manner(x, "mid", within)


class UpLevel(nn.Module):
    """Residual blocks (and transformers), each taking one skip connection, then (except at the last level)
    the resolution of the next skip connection."""

    def __init__(self, widths_in: Sequence[int], shape: LevelShape, last: bool, site: str) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(unet_resnet(width, shape) for width in widths_in)
        self.site = site
        self.attentions = _transformers(shape, len(widths_in), site)
        self.upsample = None if last else conv3(shape.channels, shape.channels)

    def forward(self, x: Tensor, skips: list[Tensor], time: Tensor, text: Tensor, within: Within) -> Tensor:
        """`x` B C H W; takes its `skips` from the end of the list, and the next one's size -> B C' H' W'."""
        for i, resnet in enumerate(self.resnets):
            x = resnet(torch.cat([x, skips.pop()], dim=1), time)
            if self.attentions is not None:
                x = self.attentions[i](x, text, within)
            x = in_manner(x, f"{self.site}.{i}", within)
        if self.upsample is None:
            return x
        height, width = skips[-1].shape[-2:]
        return upsampled(x, self.upsample, (height, width))


def unet_resnet(channels_in: int, shape: LevelShape) -> Resnet:
    """A residual block of a level, from any width to the level's."""
    return Resnet(channels_in, shape.channels, groups=shape.groups, eps=RESNET_EPS, time=shape.time)


def _transformers(shape: LevelShape, count: int, site: str) -> nn.ModuleList | None:
    if not shape.heads:
        return None
    return nn.ModuleList(SpatialTransformer(shape, f"{site}.attentions.{i}") for i in range(count))
