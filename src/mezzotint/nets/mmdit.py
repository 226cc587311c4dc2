"""The denoising transformer of Stable Diffusion 3 and 3.5 (MMDiT), from an explicit geometry.

Takes the noisy latent, the time, text states and one pooled vector; gives the network's answer. Knows no noise
schedule, no prompt and no files. The network is that of Esser et al. 2024 (Stability-AI/sd3.5, mmditx.py).

Shapes: B batch, C latent channels, H W latent rows and columns, p side of a patch, T = H/p * W/p picture tokens,
S text tokens, D width, P pooled width, N side of the position table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import within_of
from mezzotint.nets.conditioning import Conditioning, Inject, Output
from mezzotint.nets.layers import time_embedding, zeroed
from mezzotint.nets.mmdit_blocks import BlockShape, JointBlock, modulated, modulation
from mezzotint.values.errors import BadValue

WAVES = 256
"""The width of the sinusoids of the time."""
GRID = 64
"""The table spreads over this many units of length whatever its side: the patches of a picture of 1024 pixels."""


@dataclass(frozen=True)
class MMDiTGeometry:
    """The sizes of an MMDiT: `channels` C in and out, `patch` p, `width` D, `layers`, `heads`, `context` the width
    of the text states, `pooled` P, `positions` N, whether queries and keys are normalised (`qk_norm`, SD 3.5), and
    how many blocks from the first on have a second attention (`dual`, 13 in SD 3.5 medium)."""

    channels: int
    patch: int
    width: int
    layers: int
    heads: int
    context: int
    pooled: int
    positions: int
    qk_norm: bool = False
    dual: int = 0

    def __post_init__(self) -> None:
        sizes = (self.channels, self.patch, self.width, self.layers, self.heads, self.context, self.pooled)
        if min(*sizes, self.positions) < 1 or not 0 <= self.dual <= self.layers:
            raise BadValue("width", "a size of the transformer is out of range", "check the geometry")
        if self.width % self.heads or self.width % 4:
            raise BadValue(
                "heads",
                f"{self.heads} heads, or 4, do not divide width {self.width}",
                "choose a width that both divide",
            )

    def block(self, index: int) -> BlockShape:
        """What block number `index` is made of."""
        return BlockShape(self.width, self.heads, self.qk_norm, index < self.dual)

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of all attentions, in the order in which they are computed."""
        return tuple(
            f"blocks.{i}.{name}"
            for i in range(self.layers)
            for name in (("attn", "attn2") if self.block(i).dual else ("attn",))
        )


SD3_MEDIUM = MMDiTGeometry(16, 2, 1536, 24, 24, 4096, 2048, 192)
SD35_MEDIUM = MMDiTGeometry(16, 2, 1536, 24, 24, 4096, 2048, 384, qk_norm=True, dual=13)
SD35_LARGE = MMDiTGeometry(16, 2, 2432, 38, 38, 4096, 2048, 192, qk_norm=True)


def position_table(side: int, width: int) -> Tensor:
    """Sinusoids of column and row, 1 N*N D float32: sines then cosines of each, frequencies 1 .. 1/10000.

    He et al. 2021 (MAE, `get_2d_sincos_pos_embed`), the columns first. Published files carry the table; this one
    is for a network that starts from nothing.
    """
    waves = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    angles = torch.arange(side, dtype=torch.float64)[:, None] * (GRID / side) * waves
    line = torch.cat([angles.sin(), angles.cos()], dim=1)
    columns, rows = line[None].expand(side, -1, -1), line[:, None].expand(-1, side, -1)
    return torch.cat([columns, rows], dim=2).reshape(1, side * side, -1).float()


class Stem(nn.Module):
    """What stands before the blocks: patches with their places, the modulating vector and the text's width (not for
    a network that `reads` no text)."""

    position: Tensor

    def __init__(self, geometry: MMDiTGeometry, reads: bool = True) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        self.patches = nn.Conv2d(g.channels, g.width, g.patch, stride=g.patch)
        self.register_buffer("position", position_table(g.positions, g.width))
        self.time_in, self.time_out = nn.Linear(WAVES, g.width), nn.Linear(g.width, g.width)
        self.pooled_in, self.pooled_out = nn.Linear(g.pooled, g.width), nn.Linear(g.width, g.width)
        self.context = nn.Linear(g.context, g.width) if reads else None

    def grid(self, x: Tensor) -> tuple[int, int]:
        """Rows and columns of patches of `x` B C H W. Raises BadValue for a latent that does not fit."""
        g = self.geometry
        if x.dim() != 4 or x.shape[1] != g.channels or x.shape[2] % g.patch or x.shape[3] % g.patch:
            raise BadValue(
                "x",
                f"a latent of shape {tuple(x.shape)}",
                f"use B {g.channels} H W with H and W multiples of {g.patch}",
            )
        rows, columns = x.shape[2] // g.patch, x.shape[3] // g.patch
        if not (0 < rows <= g.positions and 0 < columns <= g.positions):
            raise BadValue("x", f"{rows} x {columns} patches", f"use at most {g.positions} in each direction")
        return rows, columns

    def tokens(self, x: Tensor) -> Tensor:
        """`x` B C H W -> B T D in row order, with the middle of the position table added."""
        rows, columns = self.grid(x)
        side = self.geometry.positions
        top, left = (side - rows) // 2, (side - columns) // 2
        table = self.position.reshape(side, side, -1)[top : top + rows, left : left + columns]
        return self.patches(x).flatten(2).transpose(1, 2) + table.reshape(1, rows * columns, -1).to(x)

    def vector(self, t: Tensor, x: Tensor, cond: Conditioning) -> Tensor:
        """`t` B or () -> B D, what modulates every block, through its SiLU. Raises BadValue for a `pooled` of
        another shape than the network takes."""
        count, width = x.shape[0], self.geometry.pooled
        if cond.pooled is None or cond.pooled.shape != (count, width):
            given = None if cond.pooled is None else tuple(cond.pooled.shape)
            raise BadValue("pooled", f"{given}", f"give this network one vector of {width} for each image")
        waves = time_embedding(t.reshape(-1).expand(count), WAVES).to(x)
        time = self.time_out(F.silu(self.time_in(waves)))
        return F.silu(time + self.pooled_out(F.silu(self.pooled_in(cond.pooled))))

    def text(self, x: Tensor, cond: Conditioning) -> Tensor:
        """The text states of `cond` at the width of the network: B S D, none (B 0 D) for a network that reads no
        text. Raises BadValue for another shape."""
        if self.context is None:
            return x.new_zeros(x.shape[0], 0, self.geometry.width)
        tokens, wanted = cond.tokens, (x.shape[0], self.geometry.context)
        if tokens.dim() != 3 or (tokens.shape[0], tokens.shape[2]) != wanted:
            raise BadValue(
                "tokens",
                f"text states {tuple(tokens.shape)}",
                f"give {wanted[0]} rows of states of {wanted[1]}",
            )
        return self.context(tokens)


class MMDiT(Stem):
    """The transformer. Sites of residuals: "blocks.0" .. "blocks.{layers - 2}", added to the picture tokens."""

    def __init__(self, geometry: MMDiTGeometry) -> None:
        super().__init__(geometry)
        g = geometry
        self.blocks = nn.ModuleList(
            JointBlock(g.block(i), f"blocks.{i}", last=i == g.layers - 1) for i in range(g.layers)
        )
        self.own_sites = frozenset(g.sites)
        self.modulation_out = modulation(g.width, 2)
        self.out = zeroed(nn.Linear(g.width, g.patch**2 * g.channels))

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, inject: Inject | None = None) -> Output:
        """`x` B C H W, H and W multiples of p and at most N p; `t` B or (), 1000 sigma; `cond.tokens` B S and the
        context's width; `cond.pooled` B P -> Output with `sample` B C H W. All in one dtype, or under autocast.

        Raises BadValue for shapes or injected sites that do not fit the geometry.
        """
        residuals = _checked(inject, len(self.blocks) - 1)
        rows, columns = self.grid(x)
        within = within_of(inject, self.own_sites, self.own_sites, self.own_sites).at(rows, columns)
        skips = _skipped(inject, len(self.blocks))
        h, vector, context = self.tokens(x), self.vector(t, x, cond), self.text(x, cond)
        for i, block in enumerate(self.blocks):
            if f"blocks.{i}" not in skips:
                h, context = block(h, context, vector, within)
            h = _added(h, residuals, f"blocks.{i}")
        shift, scale = self.modulation_out(vector)[:, None].chunk(2, dim=-1)
        return Output(
            self._planes(self.out(modulated(h, shift, scale)), rows, columns), within.maps, within.pairs
        )

    def _planes(self, tokens: Tensor, rows: int, columns: int) -> Tensor:
        """B T (p p C) -> B C H W."""
        p = self.geometry.patch
        patches = tokens.reshape(tokens.shape[0], rows, columns, p, p, -1)
        return patches.permute(0, 5, 1, 3, 2, 4).reshape(tokens.shape[0], -1, rows * p, columns * p)


def _checked(inject: Inject | None, sites: int) -> Mapping[str, Tensor]:
    """The residuals of an injection, all of whose sites this network has."""
    residuals = (inject or Inject()).residuals
    known = {f"blocks.{i}" for i in range(sites)}
    for site in residuals:
        if site not in known:
            raise BadValue("residuals", f"no site {site!r}", f"use blocks.0 to blocks.{sites - 1}")
    return residuals


def _skipped(inject: Inject | None, blocks: int) -> frozenset[str]:
    """The blocks that an injection leaves out, all of which this network has."""
    skips = (inject or Inject()).skips
    unknown = sorted(skips - {f"blocks.{i}" for i in range(blocks)})
    if unknown:
        raise BadValue("skips", f"no block {unknown[0]!r}", f"use blocks.0 to blocks.{blocks - 1}")
    return skips


def _added(x: Tensor, residuals: Mapping[str, Tensor], site: str) -> Tensor:
    """`x` B T D with what is injected at `site`."""
    if site not in residuals:
        return x
    residual = residuals[site]
    if residual.dim() != 3 or any(a not in (1, b) for a, b in zip(residual.shape, x.shape, strict=True)):
        raise BadValue(
            site,
            f"a residual {tuple(residual.shape)} for tokens {tuple(x.shape)}",
            "make the residuals for this network and this image size",
        )
    return x + residual
