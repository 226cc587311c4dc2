"""The T5 text encoder of Stable Diffusion 3: version 1.1, gated GELU, relative positions, no biases.

Takes an explicit geometry (XXL, or smaller) and padded token ids; gives the states of all tokens. Knows no
tokenizer and no files. The network is the encoder of Raffel et al. 2020 as of google-research/text-to-text-transfer-
transformer v1.1 (transformers, T5EncoderModel). In float16 the states of XXL overflow: run it in bfloat16 or float32.

Shapes: B batch, T tokens, D width, H heads, K width of a head, R rows of taught words.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import attend, join_heads, split_heads
from mezzotint.nets.tokens import embedded
from mezzotint.values.errors import BadValue

EPS = 1e-6


@dataclass(frozen=True)
class T5Geometry:
    """The sizes of the encoder: `vocab` ids, `width` D, `layers`, `heads` H, `head` K (H K need not be D), `hidden`
    width of the feed-forward, `buckets` of relative positions and the `distance` from which all are alike."""

    vocab: int
    width: int
    layers: int
    heads: int
    head: int
    hidden: int
    buckets: int = 32
    distance: int = 128

    def __post_init__(self) -> None:
        if min(self.vocab, self.width, self.layers, self.heads, self.head, self.hidden) < 1:
            raise BadValue("width", "every size of a text encoder must be at least 1", "check the geometry")
        if self.buckets < 4 or self.buckets % 4 or self.distance <= self.buckets // 4:
            raise BadValue(
                "buckets",
                f"{self.buckets} buckets for a distance of {self.distance}",
                "use a multiple of 4, and a distance above its quarter",
            )


T5_XXL = T5Geometry(32128, 4096, 24, 64, 64, 10240)


def bucket(offset: Tensor, buckets: int, distance: int) -> Tensor:
    """The bucket (int64, 0 .. buckets - 1) of positions `offset` (int64, key minus query) of any shape.

    Half of the buckets are for keys behind the query; of each half, half are single positions and half grow
    logarithmically up to `distance` (Raffel et al. 2020, section 2.1; mesh_tensorflow, transformer_layers.py).
    """
    half = buckets // 2
    exact = half // 2
    away = offset.abs()
    growth = torch.log(away.clamp(min=1).float() / exact) / math.log(distance / exact)
    far = (exact + (growth * (half - exact)).long()).clamp(max=half - 1)
    return torch.where(offset > 0, half, 0) + torch.where(away < exact, away, far)


class T5Block(nn.Module):
    """Self-attention and gated feed-forward, each behind its norm and around a residual."""

    def __init__(self, geometry: T5Geometry, site: str) -> None:
        super().__init__()
        g = geometry
        self.heads, self.site = g.heads, f"{site}.attention"
        inner = g.heads * g.head
        self.norm1 = nn.RMSNorm(g.width, eps=EPS)
        self.q, self.k, self.v = (nn.Linear(g.width, inner, bias=False) for _ in "qkv")
        self.out = nn.Linear(inner, g.width, bias=False)
        self.norm2 = nn.RMSNorm(g.width, eps=EPS)
        self.gate = nn.Linear(g.width, g.hidden, bias=False)
        self.fc1 = nn.Linear(g.width, g.hidden, bias=False)
        self.fc2 = nn.Linear(g.hidden, g.width, bias=False)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """`x` B T D, `bias` 1 H T T (added to the scores) -> B T D."""
        normed = self.norm1(x)
        q, k, v = (split_heads(part(normed), self.heads) for part in (self.q, self.k, self.v))
        # T5 does not divide its scores by sqrt(K), as `attend` does.
        attended = attend(q * q.shape[-1] ** 0.5, k, v, self.site, bias)
        x = x + self.out(join_heads(attended))
        normed = self.norm2(x)
        return x + self.fc2(F.gelu(self.gate(normed), approximate="tanh") * self.fc1(normed))


class T5Text(nn.Module):
    """The text encoder."""

    def __init__(self, geometry: T5Geometry) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        self.token = nn.Embedding(g.vocab, g.width)
        self.position = nn.Embedding(g.buckets, g.heads)
        self.blocks = nn.ModuleList(T5Block(g, f"blocks.{i}") for i in range(g.layers))
        self.norm = nn.RMSNorm(g.width, eps=EPS)

    def forward(self, ids: Tensor, taught: Tensor | None = None, hidden: Tensor | None = None) -> Tensor:
        """`ids` int64 B T, any T -> states B T D after the final norm.

        `hidden` bool B T marks tokens that no token looks at; the others of a row must not be none.
        Ids from `geometry.vocab` upwards are rows of `taught` R D instead of the table's, which stays as it is.
        Every token looks at every other, the padding as well: SD 3 masks none.
        """
        places = torch.arange(ids.shape[1], device=ids.device)
        offset = places[None, :] - places[:, None]
        buckets = bucket(offset, self.geometry.buckets, self.geometry.distance)
        bias = self.position(buckets).permute(2, 0, 1)[None]
        if hidden is not None:
            bias = bias.masked_fill(hidden[:, None, None, :], -torch.inf)
        x = embedded(self.token, ids, taught)
        for block in self.blocks:
            x = block(x, bias.to(x))
        return self.norm(x)
