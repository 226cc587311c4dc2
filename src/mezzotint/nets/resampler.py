"""The resampler of IP-Adapters: learned tokens gather what the patches of a picture say.

It is a perceiver (Jaegle et al. 2021). Takes the states of a vision tower; gives tokens. In the form for transformers
it knows the time of the step as well. Knows no tower and nobody who reads the tokens. References:
tencent-ailab/IP-Adapter, ip_adapter/resampler.py; InstantX/SD3.5-Large-IP-Adapter (diffusers,
IPAdapterTimeImageProjection).

Shapes: B batch, N learned tokens, T W states of a tower and their width, H width inside, D width of the tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import attend, join_heads, split_heads
from mezzotint.nets.layers import time_embedding
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class ResamplerGeometry:
    """The sizes of a resampler: `width` W, `context` D, `hidden` H, `heads` of `head_width`, `tokens` N, `layers`, and
    how many times H its feed-forward is (`ratio`)."""

    width: int
    context: int
    hidden: int
    heads: int
    tokens: int = 16
    layers: int = 4
    head_width: int = 64
    ratio: int = 4


class ResamplerLayer(nn.Module):
    """The tokens look at the picture and at themselves, then a feed-forward; each around a residual. Where it is
    `timed`, the time shifts and scales the tokens before each."""

    def __init__(self, geometry: ResamplerGeometry, site: str, timed: bool = False) -> None:
        super().__init__()
        width, inner = geometry.hidden, geometry.heads * geometry.head_width
        self.heads, self.site = geometry.heads, site
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.q = nn.Linear(width, inner, bias=False)
        self.k = nn.Linear(width, inner, bias=False)
        self.v = nn.Linear(width, inner, bias=False)
        self.out = nn.Linear(inner, width, bias=False)
        self.norm3 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, geometry.ratio * width, bias=False)
        self.fc2 = nn.Linear(geometry.ratio * width, width, bias=False)
        self.modulation = nn.Linear(width, 4 * width) if timed else None

    def forward(self, tokens: Tensor, states: Tensor, vector: Tensor | None = None) -> Tensor:
        """`tokens` B N H, `states` B T H and, of the time, `vector` B H -> B N H."""
        own, parts = self.norm2(tokens), self._parts(vector)
        if parts:
            own = own * (1 + parts[1]) + parts[0]
        source = torch.cat([self.norm1(states), own], dim=1)
        q, k, v = (split_heads(x, self.heads) for x in (self.q(own), self.k(source), self.v(source)))
        tokens = self.out(join_heads(attend(q, k, v, self.site))) + tokens
        hidden = self.norm3(tokens)
        if parts:
            hidden = hidden * (1 + parts[3]) + parts[2]
        return self.fc2(F.gelu(self.fc1(hidden))) + tokens

    def _parts(self, vector: Tensor | None) -> tuple[Tensor, ...]:
        """Shift and scale of the attention and of the feed-forward, each B 1 H; none for a layer that is not timed."""
        if self.modulation is None or vector is None:
            return ()
        return self.modulation(F.silu(vector))[:, None].chunk(4, dim=-1)


class _Gathering(nn.Module):
    """What both forms have."""

    def __init__(self, geometry: ResamplerGeometry, timed: bool) -> None:
        super().__init__()
        g = geometry
        self.latents = nn.Parameter(torch.zeros(1, g.tokens, g.hidden))
        self.proj_in = nn.Linear(g.width, g.hidden)
        self.layers = nn.ModuleList(
            ResamplerLayer(g, f"projection.layers.{i}", timed) for i in range(g.layers)
        )
        self.proj_out = nn.Linear(g.hidden, g.context)
        self.norm_out = nn.LayerNorm(g.context)

    def gathered(self, source: Tensor, vector: Tensor | None = None) -> Tensor:
        """`source` B T H -> B N D."""
        tokens = self.latents.expand(source.shape[0], -1, -1)
        for layer in self.layers:
            tokens = layer(tokens, source, vector)
        return self.norm_out(self.proj_out(tokens))


class Resampler(_Gathering):
    """IP-Adapter Plus."""

    def __init__(self, geometry: ResamplerGeometry) -> None:
        super().__init__(geometry, timed=False)

    def forward(self, states: Tensor) -> Tensor:
        """`states` B T W of the tower's last but one layer -> B N D. Without a picture they are those of zeros."""
        return self.gathered(self.proj_in(states))


class TimedResampler(_Gathering):
    """The form for transformers: the same picture says something else at each step; `waves` sinusoids of the time."""

    def __init__(self, geometry: ResamplerGeometry, waves: int = 320) -> None:
        super().__init__(geometry, timed=True)
        if waves < 2 or waves % 2:
            raise BadValue("waves", f"{waves} sinusoids of the time", "use an even number")
        self.waves = waves
        self.time_in = nn.Linear(waves, geometry.hidden)
        self.time_out = nn.Linear(geometry.hidden, geometry.hidden)

    def forward(self, states: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """`states` B T W of the tower's last but one layer, `t` B as the transformer takes it -> tokens B N D, and what
        is made of the time, B H. Without a picture the states are zeros."""
        waves = time_embedding(t, self.waves).to(states)
        vector = self.time_out(F.silu(self.time_in(waves)))
        return self.gathered(self.proj_in(states) + vector[:, None], vector), vector
