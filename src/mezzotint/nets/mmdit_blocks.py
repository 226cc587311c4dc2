"""The joint block of the MMDiT: picture and text, each with its own weights, attend to each other.

Takes picture tokens, text tokens and the vector that modulates them; gives both tokens. Knows no patches, no
geometry of the whole network and no files. The block is that of Esser et al. 2024 (SD 3, figure 2) with the
second attention of SD 3.5 medium (Stability-AI/sd3.5, mmditx.py; diffusers, JointTransformerBlock).

Shapes: B batch, T picture tokens, S text tokens, D width, H heads.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import NORM_EPS, Within, attend_within, join_heads, split_heads
from mezzotint.nets.layers import zeroed

EPS = 1e-6


@dataclass(frozen=True)
class BlockShape:
    """What a block needs to know: `width` D, `heads` H, whether queries and keys are normalised (`qk_norm`), and
    whether the picture has a second attention of its own (`dual`)."""

    width: int
    heads: int
    qk_norm: bool
    dual: bool = False


def modulated(x: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """norm(x) (1 + scale) + shift (Peebles & Xie 2023, adaLN): `x` B T D, `shift` and `scale` B 1 D -> B T D."""
    return F.layer_norm(x, x.shape[-1:], eps=EPS) * (1 + scale) + shift


def modulation(width: int, parts: int) -> nn.Linear:
    """The map D -> parts * D of the modulating vector; zero at the start, so a fresh block is the identity."""
    return zeroed(nn.Linear(width, parts * width))


class Projections(nn.Module):
    """Queries, keys and values of one stream, and the way back; `ends` leaves the way back out."""

    def __init__(self, shape: BlockShape, ends: bool = False) -> None:
        super().__init__()
        width, head = shape.width, shape.width // shape.heads
        self.heads = shape.heads
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in "qkv")
        self.norm_q = nn.RMSNorm(head, eps=NORM_EPS) if shape.qk_norm else None
        self.norm_k = nn.RMSNorm(head, eps=NORM_EPS) if shape.qk_norm else None
        self.out = None if ends else nn.Linear(width, width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`x` B T D -> queries, keys and values, each B H T D/H."""
        return self.normed(self.bare(x))

    def bare(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same without norms."""
        q, k, v = (split_heads(part(x), self.heads) for part in (self.q, self.k, self.v))
        return q, k, v

    def normed(self, bare: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """The same from what `bare` gave."""
        q, k, v = bare
        if self.norm_q is not None and self.norm_k is not None:
            q, k = self.norm_q(q), self.norm_k(k)
        return q, k, v


class Stream(nn.Module):
    """One side of a block: its projections, modulation and feed-forward; a side that `ends` has only the first."""

    def __init__(self, shape: BlockShape, ends: bool = False) -> None:
        super().__init__()
        width = shape.width
        self.attn = Projections(shape, ends)
        self.attn2 = Projections(shape) if shape.dual else None
        self.parts = 2 if ends else 9 if shape.dual else 6
        self.modulation = modulation(width, self.parts)
        self.fc1 = None if ends else nn.Linear(width, 4 * width)
        self.fc2 = None if ends else nn.Linear(4 * width, width)

    def modulate(self, vector: Tensor) -> tuple[Tensor, ...]:
        """`vector` B D -> shift, scale[, gate, shift, scale and gate of the feed-forward[, the same of attn2]],
        each B 1 D."""
        return self.modulation(vector)[:, None].chunk(self.parts, dim=-1)

    def after(
        self, x: Tensor, attended: Tensor, parts: tuple[Tensor, ...], site: str, within: Within
    ) -> Tensor:
        """The rest of the block: `x` B T D and its attention's B T D -> B T D; `x` itself where the stream ends."""
        if self.attn.out is None or self.fc1 is None or self.fc2 is None:
            return x
        shift, scale, gate, ff_shift, ff_scale, ff_gate = parts[:6]
        after = x + gate * self.attn.out(attended)
        if self.attn2 is not None and self.attn2.out is not None:
            shift, scale, gate = parts[6:]
            bare = self.attn2.bare(modulated(x, shift, scale))
            own = attend_within(*self.attn2.normed(bare), f"{site}.attn2", within, bare)
            after = after + gate * self.attn2.out(join_heads(own))
        hidden = F.gelu(self.fc1(modulated(after, ff_shift, ff_scale)), approximate="tanh")
        return after + ff_gate * self.fc2(hidden)


class JointBlock(nn.Module):
    """Both streams. `last` has no use for the text any more and leaves it as it came."""

    def __init__(self, shape: BlockShape, site: str, last: bool = False) -> None:
        super().__init__()
        self.site = site
        self.x = Stream(shape)
        self.context = Stream(BlockShape(shape.width, shape.heads, shape.qk_norm), ends=last)

    def forward(self, x: Tensor, context: Tensor, vector: Tensor, within: Within) -> tuple[Tensor, Tensor]:
        """`x` B T D, `context` B S D, `vector` B D, already through its SiLU -> both, of the same shapes."""
        mine, texts = self.x.modulate(vector), self.context.modulate(vector)
        bare = self.x.attn.bare(modulated(x, *mine[:2]))
        theirs = self.context.attn(modulated(context, *texts[:2]))
        q, k, v = (torch.cat(pair, dim=2) for pair in zip(self.x.attn.normed(bare), theirs, strict=True))
        attended = join_heads(attend_within(q, k, v, f"{self.site}.attn", within, bare))
        seen, read = attended[:, : x.shape[1]], attended[:, x.shape[1] :]
        after = self.x.after(x, seen, mine, self.site, within)
        return after, self.context.after(context, read, texts, self.site, within)


class SingleBlock(nn.Module):
    """The picture's side alone, for networks that read no text."""

    def __init__(self, shape: BlockShape, site: str) -> None:
        super().__init__()
        self.site = site
        self.x = Stream(shape)

    def forward(self, x: Tensor, context: Tensor, vector: Tensor, within: Within) -> tuple[Tensor, Tensor]:
        """`x` B T D, `context` of any shape, left as it came, `vector` B D -> both, of the same shapes."""
        parts = self.x.modulate(vector)
        q, k, v = self.x.attn(modulated(x, *parts[:2]))
        attended = join_heads(attend_within(q, k, v, f"{self.site}.attn", within))
        return self.x.after(x, attended, parts, self.site, within), context
