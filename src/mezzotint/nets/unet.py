"""The denoising UNet of Stable Diffusion 1 and 2, from an explicit geometry.

Takes the scaled noisy latent, the time and the conditioning; gives the network's answer, whatever it was
taught to predict. Knows no noise schedule, no prompt and no files. The network is that of Rombach et al. 2022
(ldm/modules/diffusionmodules/openaimodel.py, UNetModel).

Shapes: B batch, C latent channels, H W latent rows and columns, S text tokens, D text width, E = 4 x first
width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.conditioning import Conditioning, Inject, Output
from mezzotint.nets.layers import conv3, normed_silu, time_embedding, zeroed
from mezzotint.nets.unet_blocks import RESNET_EPS, DownLevel, LevelShape, MidLevel, UpLevel
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class UNetGeometry:
    """The sizes of a UNet. Per level, the first at full resolution: `channels`, `attention` (has
    transformers) and `heads` (their number of heads; the last is also that of the middle). `layers` residual
    blocks a level on the way down and one more on the way up; `context` = width D of the text states;
    `blocks` = transformer depth; `linear_projection` = transformers project with Linear (SD 2) instead of 1x1
    convolutions (SD 1)."""

    in_channels: int
    out_channels: int
    channels: tuple[int, ...]
    layers: int
    attention: tuple[bool, ...]
    heads: tuple[int, ...]
    context: int
    blocks: int = 1
    linear_projection: bool = False
    norm_groups: int = 32

    def __post_init__(self) -> None:
        levels = len(self.channels)
        if not levels or len(self.attention) != levels or len(self.heads) != levels:
            raise BadValue(
                "channels",
                f"{levels} widths, {len(self.attention)} attention flags and {len(self.heads)} head counts",
                "give each of them one entry per level",
            )
        sizes = (
            self.in_channels,
            self.out_channels,
            self.layers,
            self.context,
            self.blocks,
            self.norm_groups,
        )
        if min(*sizes, *self.channels, *self.heads) < 1:
            raise BadValue("channels", "every size of a UNet must be at least 1", "check the geometry")
        if any(width % self.norm_groups for width in self.channels) or self.channels[0] % 2:
            raise BadValue(
                "channels",
                f"widths {self.channels} are not even multiples of norm_groups {self.norm_groups}",
                "choose widths that the groups divide, the first of them even",
            )
        attended = (*self.attention[:-1], True)
        for width, heads, used in zip(self.channels, self.heads, attended, strict=True):
            if used and width % heads:
                raise BadValue("heads", f"{heads} heads do not divide width {width}", "choose a divisor")

    @property
    def skip_widths(self) -> tuple[int, ...]:
        """The widths of the skip connections, in the order they are made: the sites "down.0", "down.1" ..."""
        last = len(self.channels) - 1
        made = (width for i, width in enumerate(self.channels) for _ in range(self.layers + (i < last)))
        return (self.channels[0], *made)

    def level(self, index: int, attended: bool) -> LevelShape:
        """The common shape of the blocks of a level."""
        return LevelShape(
            channels=self.channels[index],
            heads=self.heads[index] if attended else 0,
            blocks=self.blocks,
            context=self.context,
            time=4 * self.channels[0],
            groups=self.norm_groups,
            linear=self.linear_projection,
        )


class UNet(nn.Module):
    """The denoising network; a fresh one answers zero until trained (its last convolution is zero)."""

    def __init__(self, geometry: UNetGeometry) -> None:
        super().__init__()
        g, widths = geometry, geometry.channels
        last = len(widths) - 1
        self.geometry = geometry
        self.time_in = nn.Linear(widths[0], 4 * widths[0])
        self.time_out = nn.Linear(4 * widths[0], 4 * widths[0])
        self.conv_in = conv3(g.in_channels, widths[0])
        self.down = nn.ModuleList(
            DownLevel(before, g.level(i, g.attention[i]), g.layers, i == last, f"down.{i}")
            for i, (before, _) in enumerate(pairwise((widths[0], *widths)))
        )
        self.mid = MidLevel(g.level(last, attended=True))
        self.up = nn.ModuleList(_up_levels(g))
        self.norm_out = nn.GroupNorm(g.norm_groups, widths[0], eps=RESNET_EPS)
        self.conv_out = zeroed(conv3(widths[0], g.out_channels))

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, inject: Inject | None = None) -> Output:
        """`x` B C H W scaled for the network, any H and W >= 1; `t` B or () in training steps, any number
        type; `cond.tokens` B S D (`cond.planes`, when given, join the channels of `x`; `pooled` and `numbers`
        are not read) -> Output with `sample` B C' H W. All in one dtype, or under autocast.

        Raises BadValue for channels, batches or injected sites that do not fit the geometry.
        """
        x = self._input(x, cond)
        residuals = _checked(inject, len(self.geometry.skip_widths))
        time, text = self._time(t, x), cond.tokens
        skips = [self.conv_in(x)]
        for level in self.down:
            skips.extend(level(skips[-1], time, text))
        h = _added(self.mid(skips[-1], time, text), residuals, "mid")
        skips = [_added(skip, residuals, f"down.{i}") for i, skip in enumerate(skips)]
        for level in self.up:
            h = level(h, skips, time, text)
        return Output(self.conv_out(normed_silu(self.norm_out, h)))

    def _input(self, x: Tensor, cond: Conditioning) -> Tensor:
        if cond.planes is not None:
            x = torch.cat([x, cond.planes], dim=1)
        if x.shape[1] != self.geometry.in_channels:
            raise BadValue(
                "x",
                f"{x.shape[1]} input channels where the network takes {self.geometry.in_channels}",
                "check the latent channels and the conditioning planes",
            )
        if cond.tokens.shape[0] != x.shape[0] or cond.tokens.shape[-1] != self.geometry.context:
            raise BadValue(
                "tokens",
                f"text states {tuple(cond.tokens.shape)} for a batch of {x.shape[0]} and width "
                f"{self.geometry.context}",
                "encode one text per image with the text encoder of this model",
            )
        return x

    def _time(self, t: Tensor, x: Tensor) -> Tensor:
        """The time embedding through its last SiLU, B E: the same for every residual block."""
        waves = time_embedding(t.expand(x.shape[0]), self.geometry.channels[0]).to(x.dtype)
        return F.silu(self.time_out(F.silu(self.time_in(waves))))


def _up_levels(geometry: UNetGeometry) -> list[UpLevel]:
    """The levels from the lowest resolution to the highest; each block takes a skip connection more."""
    skips, before = list(geometry.skip_widths), geometry.channels[-1]
    levels: list[UpLevel] = []
    for number, index in enumerate(reversed(range(len(geometry.channels)))):
        shape = geometry.level(index, geometry.attention[index])
        widths_in: list[int] = []
        for _ in range(geometry.layers + 1):
            widths_in.append(before + skips.pop())
            before = shape.channels
        levels.append(UpLevel(widths_in, shape, index == 0, f"up.{number}"))
    return levels


def _checked(inject: Inject | None, skips: int) -> Mapping[str, Tensor]:
    """The residuals of an injection, all of whose sites this network has."""
    if inject is None:
        return {}
    sites = {"mid", *(f"down.{i}" for i in range(skips))}
    for site in inject.residuals:
        if site not in sites:
            raise BadValue("residuals", f"no site {site!r}", f"use down.0 to down.{skips - 1} and mid")
    return inject.residuals


def _added(x: Tensor, residuals: Mapping[str, Tensor], site: str) -> Tensor:
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
