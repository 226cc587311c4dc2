"""The CLIP text encoder of Stable Diffusion 1 and 2.

Takes an explicit geometry (OpenAI ViT-L, OpenCLIP ViT-H, or smaller) and padded token ids; gives the states
of all tokens and one pooled vector. Knows no tokenizer, no prompt syntax and no files. The network is the
text half of Radford et al. 2021 (openai/CLIP clip/model.py): causal, pre-norm.

Shapes: B batch, T tokens, D width, P projected width (D without a projection), R rows of taught words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import attend, join_heads, split_heads
from mezzotint.nets.tokens import embedded
from mezzotint.values.errors import BadValue, UnknownName


def quick_gelu(x: Tensor) -> Tensor:
    """x sigmoid(1.702 x), the approximation that OpenAI's weights were trained with."""
    return x * torch.sigmoid(1.702 * x)


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU by the hyperbolic tangent (Hendrycks & Gimpel 2016), the approximation of SigLIP."""
    return F.gelu(x, approximate="tanh")


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"quick_gelu": quick_gelu, "gelu": F.gelu, "gelu_pytorch_tanh": gelu_tanh}
)


@dataclass(frozen=True)
class ClipGeometry:
    """The sizes of a text encoder: `vocab` ids, `length` T, `width` D, `layers`, `heads`, `hidden` width of
    the feed-forward, `activation` a name in ACTIVATIONS, `projection` P or None for none."""

    vocab: int
    length: int
    width: int
    layers: int
    heads: int
    hidden: int
    activation: str
    projection: int | None = None

    def __post_init__(self) -> None:
        sizes = (self.vocab, self.length, self.width, self.layers, self.heads, self.hidden)
        if min(*sizes, 1 if self.projection is None else self.projection) < 1:
            raise BadValue("width", "every size of a text encoder must be at least 1", "check the geometry")
        if self.width % self.heads:
            raise BadValue(
                "heads", f"{self.heads} heads do not divide width {self.width}", "choose a divisor"
            )
        if self.activation not in ACTIVATIONS:
            raise UnknownName("activation", self.activation, tuple(ACTIVATIONS))


@dataclass(frozen=True)
class TextStates:
    """`tokens` B T D, what a UNet attends to; `pooled` B P, the state at the first end-of-text token."""

    tokens: Tensor
    pooled: Tensor


class BlockShape(Protocol):
    """What a block needs to know of a text encoder or a vision tower; `activation` is a name in ACTIVATIONS."""

    @property
    def width(self) -> int:
        """D."""
        ...

    @property
    def heads(self) -> int:
        """Attention heads."""
        ...

    @property
    def hidden(self) -> int:
        """Width of the feed-forward."""
        ...

    @property
    def activation(self) -> str:
        """The activation of the feed-forward."""
        ...


class ClipAttention(nn.Module):
    """Multi-head self-attention with biases."""

    def __init__(self, width: int, heads: int, site: str) -> None:
        super().__init__()
        self.heads, self.site = heads, site
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`x` B T D, `mask` T T or B 1 T T bool, True where a token may look (None: everywhere) -> B T D."""
        q, k, v = (split_heads(part(x), self.heads) for part in (self.q, self.k, self.v))
        return self.out(join_heads(attend(q, k, v, self.site, mask)))


class ClipBlock(nn.Module):
    """Self-attention and feed-forward, each behind its norm and around a residual."""

    def __init__(self, geometry: BlockShape, site: str, eps: float = 1e-5) -> None:
        super().__init__()
        g = geometry
        self.norm1 = nn.LayerNorm(g.width, eps=eps)
        self.attention = ClipAttention(g.width, g.heads, f"{site}.attention")
        self.norm2 = nn.LayerNorm(g.width, eps=eps)
        self.fc1 = nn.Linear(g.width, g.hidden)
        self.fc2 = nn.Linear(g.hidden, g.width)
        self.activation = ACTIVATIONS[g.activation]

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """`x` B T D, `mask` T T or B 1 T T bool or None -> B T D."""
        x = x + self.attention(self.norm1(x), mask)
        return x + self.fc2(self.activation(self.fc1(self.norm2(x))))


class ClipText(nn.Module):
    """The text encoder."""

    def __init__(self, geometry: ClipGeometry) -> None:
        super().__init__()
        g = geometry
        self.geometry = geometry
        self.token = nn.Embedding(g.vocab, g.width)
        self.position = nn.Parameter(torch.empty(g.length, g.width))
        self.blocks = nn.ModuleList(ClipBlock(g, f"blocks.{i}") for i in range(g.layers))
        self.norm = nn.LayerNorm(g.width)
        self.projection = None if g.projection is None else nn.Linear(g.width, g.projection, bias=False)
        self._start()

    def forward(
        self,
        ids: Tensor,
        eos: int,
        skip: int = 0,
        normed: bool = True,
        taught: Tensor | None = None,
        projected: bool = True,
        hidden: Tensor | None = None,
    ) -> TextStates:
        """`ids` int64 B T, T at most `geometry.length`; `eos` the id of the end-of-text token.

        Ids from `geometry.vocab` upwards are rows of `taught` R D instead of the table's, which stays as it is.
        `hidden` bool B T marks tokens that no token looks at; the first of a row must not be among them.

        `tokens` leaves out the last `skip` layers (clip skip n is skip n - 1) and, unless `normed` is False,
        goes through the final norm. `pooled` always comes from all layers, the final norm and, unless `projected`
        is False, the projection, at the first `eos` of each row (at the first token of a row that has none). Raises
        BadValue for a `skip` that leaves no layer and for too many tokens.
        """
        count, length = len(self.blocks), ids.shape[1]
        if not 0 <= skip < count:
            raise BadValue("skip", f"cannot leave out {skip} of {count} layers", f"use 0 to {count - 1}")
        if length > self.geometry.length:
            raise BadValue("ids", f"{length} tokens", f"cut the text to {self.geometry.length} tokens")
        mask = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        if hidden is not None:
            mask = mask & ~hidden[:, None, None, :]
        x = embedded(self.token, ids, taught) + self.position[:length]
        tokens = x
        for i, block in enumerate(self.blocks):
            x = block(x, mask)
            if i == count - 1 - skip:
                tokens = x
        final = self.norm(x)
        if normed:
            tokens = final if skip == 0 else self.norm(tokens)
        rows = torch.arange(ids.shape[0], device=ids.device)
        pooled = final[rows, (ids == eos).int().argmax(dim=-1)]
        if self.projection is None or not projected:
            return TextStates(tokens, pooled)
        return TextStates(tokens, self.projection(pooled))

    def _start(self) -> None:
        """Initial values for training from nothing, those of openai/CLIP: small, and smaller with depth."""
        g = self.geometry
        nn.init.normal_(self.token.weight, std=0.02)
        nn.init.normal_(self.position, std=0.01)
        inner, residual = g.width**-0.5, (2 * g.layers * g.width) ** -0.5
        for name, weight in self.blocks.named_parameters():
            if name.endswith(("out.weight", "fc2.weight")):
                nn.init.normal_(weight, std=residual)
            elif name.endswith(("q.weight", "k.weight", "v.weight")):
                nn.init.normal_(weight, std=inner)
            elif name.endswith("fc1.weight"):
                nn.init.normal_(weight, std=inner / 2**0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, std=inner)
