"""The denoising UNet of Stable Diffusion 1, 2 and XL and of their relatives, from an explicit geometry.

Takes the scaled noisy latent, the time and the conditioning; gives the network's answer, whatever it was
taught to predict. Knows no noise schedule, no prompt and no files. The network is that of Rombach et al. 2022
(ldm/modules/diffusionmodules/openaimodel.py, UNetModel), with the added embedding of Podell et al. 2023
(SDXL; sgm/modules/diffusionmodules/openaimodel.py).

Shapes: B batch, C latent channels, H W latent rows and columns, S text tokens, D text width, P pooled width,
M numbers, E = 4 x first width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import Within, within_of
from mezzotint.nets.conditioning import Conditioning, Inject, Output
from mezzotint.nets.layers import GroupNorm, conv3, normed_silu, time_embedding, zeroed
from mezzotint.nets.unet_blocks import (
    NOTHING,
    RESNET_EPS,
    Attention,
    DownLevel,
    LevelShape,
    MidLevel,
    TransformerBlock,
    UpLevel,
    added,
)
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Vector:
    """What is added to the time embedding: `pooled` P values as they are, then sinusoids of width `waves` for
    each of `numbers` M (SDXL: the pooled text and six sizes of 256; unCLIP: the image embedding and its noise
    level)."""

    pooled: int
    numbers: int
    waves: int

    @property
    def width(self) -> int:
        """All values together."""
        return self.pooled + self.numbers * self.waves


@dataclass(frozen=True)
class UNetGeometry:
    """The sizes of a UNet. Per level, the first at full resolution: `channels`, `attention` (has
    transformers) and `heads` (their number of heads; the last is also that of the middle). `layers` residual
    blocks a level on the way down and one more on the way up; `context` = width D of the text states;
    `blocks` = transformer depth in the middle and, unless `depth` has an entry for each level, everywhere;
    `cross_only` marks levels whose first attention looks at the text, too (none when empty);
    `linear_projection` = transformers project with Linear (SD 2) instead of 1x1 convolutions (SD 1); `added`
    = what joins the time embedding; `classes` = how many kinds of input an embedding tells apart (the noise
    levels of the x4 upscaler), 0 for none."""

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
    depth: tuple[int, ...] = ()
    cross_only: tuple[bool, ...] = ()
    added: Vector | None = None
    classes: int = 0

    def __post_init__(self) -> None:
        levels = len(self.channels)
        counts = (len(self.attention), len(self.heads), len(self.depths), len(self.cross_only) or levels)
        if not levels or set(counts) != {levels}:
            raise BadValue(
                "channels",
                f"{levels} widths, {counts[0]} attention flags and {counts[1]} head counts, "
                f"{counts[2]} depths",
                "give each of them one entry per level",
            )
        if min(self._sizes) < 1 or self.classes < 0:
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
    def depths(self) -> tuple[int, ...]:
        """The depth of the transformers of every level, whether it has some or not."""
        return self.depth or (self.blocks,) * len(self.channels)

    @property
    def skip_widths(self) -> tuple[int, ...]:
        """The widths of the skip connections, in the order they are made: the sites "down.0", "down.1" ..."""
        last = len(self.channels) - 1
        made = (width for i, width in enumerate(self.channels) for _ in range(self.layers + (i < last)))
        return (self.channels[0], *made)

    @property
    def middle(self) -> LevelShape:
        """The common shape of the blocks in the middle."""
        return self._shape(len(self.channels) - 1, attended=True, blocks=self.blocks, cross_only=False)

    def level(self, index: int) -> LevelShape:
        """The common shape of the blocks of a level."""
        cross_only = self.cross_only[index] if self.cross_only else False
        return self._shape(index, self.attention[index], self.depths[index], cross_only)

    def _shape(self, index: int, attended: bool, blocks: int, cross_only: bool) -> LevelShape:
        return LevelShape(
            channels=self.channels[index],
            heads=self.heads[index] if attended else 0,
            blocks=blocks,
            context=self.context,
            time=4 * self.channels[0],
            groups=self.norm_groups,
            linear=self.linear_projection,
            cross_only=cross_only,
        )

    @property
    def planes(self) -> frozenset[str]:
        """Where features have a manner: behind every block but those of the first level, the finest one."""
        levels = range(1, len(self.channels))
        down = {f"down.{i}.{j}" for i in levels for j in range(self.layers)}
        return frozenset({"mid", *down, *(f"up.{i - 1}.{j}" for i in levels for j in range(self.layers + 1))})

    @property
    def _sizes(self) -> tuple[int, ...]:
        """All numbers that must not be zero."""
        vector = (self.added.width, self.added.waves) if self.added else ()
        sizes = (self.in_channels, self.out_channels, self.layers, self.context, self.blocks)
        return (*sizes, self.norm_groups, *self.channels, *self.heads, *self.depths, *vector)


class UNetEncoder(nn.Module):
    """The way down of a UNet, to the middle: what the UNet and its ControlNet have in common."""

    def __init__(self, geometry: UNetGeometry) -> None:
        super().__init__()
        g, widths = geometry, geometry.channels
        last, wide = len(widths) - 1, 4 * widths[0]
        self.geometry = geometry
        self.time_in = nn.Linear(widths[0], wide)
        self.time_out = nn.Linear(wide, wide)
        self.added_in = None if g.added is None else nn.Linear(g.added.width, wide)
        self.added_out = None if g.added is None else nn.Linear(wide, wide)
        self.classes = nn.Embedding(g.classes, wide) if g.classes else None
        self.conv_in = conv3(g.in_channels, widths[0])
        self.down = nn.ModuleList(
            DownLevel(before, g.level(i), g.layers, i == last, f"down.{i}", 1 + i * (g.layers + 1))
            for i, (before, _) in enumerate(pairwise((widths[0], *widths)))
        )
        self.mid = MidLevel(g.middle)

    def encode(
        self,
        x: Tensor,
        time: Tensor,
        text: Tensor,
        within: Within,
        hint: Tensor | None = None,
        residuals: Mapping[str, Tensor] = NOTHING,
    ) -> tuple[list[Tensor], Tensor]:
        """`x` B C H W with its planes, `time` B E, `text` B S D -> the skip connections and the middle, B C'
        H' W' each. `hint` B C0 H W is added to the first features (ControlNet); `residuals` at "path.0" ... where
        the skip connection of that number is made, so that all that follows sees them (T2I-Adapter)."""
        first = added(self.conv_in(x), residuals, "path.0")
        skips = [first if hint is None else first + hint]
        for level in self.down:
            skips.extend(level(skips[-1], time, text, within, residuals))
        return skips, self.mid(skips[-1], time, text, within)

    def joined(self, x: Tensor, cond: Conditioning) -> Tensor:
        """`x` B C H W and the planes of `cond` as one input. Raises BadValue when they do not fit."""
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

    def time(self, t: Tensor, x: Tensor, cond: Conditioning, more: Tensor | None = None) -> Tensor:
        """The time embedding with all that is added to it, `more` B E too, through its last SiLU, B E: the same for
        every residual block. Raises BadValue for a `pooled` or `numbers` of another shape than the network takes."""
        waves = time_embedding(t.expand(x.shape[0]), self.geometry.channels[0]).to(x.dtype)
        embedded = self.time_out(F.silu(self.time_in(waves)))
        embedded = embedded if more is None else embedded + more
        if self.classes is not None:
            level = _checked_width("numbers", cond.numbers, x.shape[0], 1)
            embedded = embedded + self.classes(level[:, 0].long())
        if self.added_in is not None and self.added_out is not None:
            embedded = embedded + self.added_out(F.silu(self.added_in(self._vector(x, cond))))
        return F.silu(embedded)

    def _vector(self, x: Tensor, cond: Conditioning) -> Tensor:
        """Pooled and sinusoids side by side, B P + M waves; sinusoids are made in float32. A `pooled` of that width
        without numbers is all of it."""
        vector, count = self.geometry.added, x.shape[0]
        assert vector is not None
        if cond.numbers is None and cond.pooled is not None and cond.pooled.shape == (count, vector.width):
            return cond.pooled.to(x.dtype)
        parts: list[Tensor] = []
        if vector.pooled:
            parts.append(_checked_width("pooled", cond.pooled, count, vector.pooled).to(x.dtype))
        if vector.numbers:
            numbers = _checked_width("numbers", cond.numbers, count, vector.numbers)
            parts.append(time_embedding(numbers.flatten(), vector.waves).to(x.dtype).reshape(count, -1))
        return torch.cat(parts, dim=1)


class UNet(UNetEncoder):
    """The denoising network; a fresh one answers zero until trained (its last convolution is zero)."""

    def __init__(self, geometry: UNetGeometry) -> None:
        super().__init__(geometry)
        g = geometry
        self.up = nn.ModuleList(_up_levels(g))
        self.norm_out = GroupNorm(g.norm_groups, g.channels[0], eps=RESNET_EPS)
        self.conv_out = zeroed(conv3(g.channels[0], g.out_channels))
        self.attention_sites = frozenset(m.site for m in self.modules() if isinstance(m, Attention))
        self.own_sites = frozenset(
            m.attn1.site for m in self.modules() if isinstance(m, TransformerBlock) and not m.cross_only
        )
        self.planes = g.planes

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, inject: Inject | None = None) -> Output:
        """`x` B C H W scaled for the network, any H and W >= 1; `t` B or () in training steps, any number
        type; `cond.tokens` B S D; `cond.planes`, when given, join the channels of `x`; `cond.pooled` B P and
        `cond.numbers` B M are read where the geometry has `added` (with `classes`, B 1: the class) -> Output
        with `sample` B C' H W. All in one dtype (numbers in any), or under autocast.

        Raises BadValue for channels, batches, widths or injected sites that do not fit the geometry.
        """
        x = self.joined(x, cond)
        residuals = _checked(inject, len(self.geometry.skip_widths))
        within = self._within(inject)
        time, text = self.time(t, x, cond), cond.tokens
        skips, h = self.encode(x, time, text, within, residuals=residuals)
        h = added(h, residuals, "mid")
        skips = [added(skip, residuals, f"down.{i}") for i, skip in enumerate(skips)]
        for level in self.up:
            h = level(h, skips, time, text, within)
        sample = self.conv_out(normed_silu(self.norm_out, h))
        return Output(sample, within.maps, within.pairs, within.moments)

    def _within(self, inject: Inject | None) -> Within:
        """What an injection does in the attentions, all of whose sites this network has."""
        within = within_of(inject, self.attention_sites, self.own_sites, planes=self.planes)
        if inject is not None and inject.skips:
            raise BadValue("skips", "this network has no blocks to leave out", "use a transformer (SD 3)")
        return within


def _up_levels(geometry: UNetGeometry) -> list[UpLevel]:
    """The levels from the lowest resolution to the highest; each block takes a skip connection more."""
    skips, before = list(geometry.skip_widths), geometry.channels[-1]
    levels: list[UpLevel] = []
    for number, index in enumerate(reversed(range(len(geometry.channels)))):
        shape = geometry.level(index)
        widths_in: list[int] = []
        for _ in range(geometry.layers + 1):
            widths_in.append(before + skips.pop())
            before = shape.channels
        levels.append(UpLevel(widths_in, shape, index == 0, f"up.{number}"))
    return levels


def _checked_width(name: str, given: Tensor | None, count: int, width: int) -> Tensor:
    """What the conditioning gives under `name`, when it has this shape."""
    if given is None or given.shape != (count, width):
        got = "nothing" if given is None else str(tuple(given.shape))
        raise BadValue(
            name,
            f"the network takes {width} values for each of {count} images and got {got}",
            "make the conditioning with the family of this model",
        )
    return given


def _checked(inject: Inject | None, skips: int) -> Mapping[str, Tensor]:
    """The residuals of an injection, all of whose sites this network has."""
    if inject is None:
        return {}
    sites = {"mid", *(f"{kind}.{i}" for kind in ("down", "path") for i in range(skips))}
    for site in inject.residuals:
        if site not in sites:
            raise BadValue(
                "residuals",
                f"no site {site!r}",
                f"use down.0 to down.{skips - 1}, path.0 to path.{skips - 1} and mid",
            )
    return inject.residuals
