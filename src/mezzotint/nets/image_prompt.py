"""IP-Adapter: a picture as a prompt, by extra keys and values at every attention to the text (Ye et al. 2023).

Takes what a CLIP vision tower (or a face recogniser) says of a picture; gives tokens, and from them a `Stream` for
a UNet. Knows no UNet, no files and no scale over time. Reference: tencent-ailab/IP-Adapter, ip_adapter/.

Shapes: B batch, N extra tokens, D width of the text states, P width of picture vectors, T W patches of a tower and
their width, C channels of a site.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.conditioning import Stream
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Site:
    """An attention to the text: its `name` in the UNet and its `width` C."""

    name: str
    width: int


def text_sites(geometry: UNetGeometry) -> tuple[Site, ...]:
    """Every attention of a UNet to the text, in the order in which IP-Adapter files count them: down, up, middle."""
    g, last = geometry, len(geometry.channels) - 1
    down = [(f"down.{i}", i, g.layers) for i in range(last + 1)]
    up = [(f"up.{last - i}", i, g.layers + 1) for i in reversed(range(last + 1))]
    sites = [
        Site(f"{level}.attentions.{j}.blocks.{k}.attn2", g.channels[i])
        for level, i, count in (*down, *up)
        if g.attention[i]
        for j in range(count)
        for k in range(g.depths[i])
    ]
    middle = (Site(f"mid.attention.blocks.{k}.attn2", g.channels[last]) for k in range(g.blocks))
    return (*sites, *middle)


class VectorProjection(nn.Module):
    """The plain IP-Adapter: one vector becomes N tokens by a linear map and a norm."""

    def __init__(self, vector: int, context: int, tokens: int = 4) -> None:
        super().__init__()
        self.proj = nn.Linear(vector, tokens * context)
        self.norm = nn.LayerNorm(context)

    def forward(self, vectors: Tensor) -> Tensor:
        """B P -> B N D. Without a picture P is all zeros."""
        tokens = self.proj(vectors)
        return self.norm(tokens.reshape(tokens.shape[0], -1, self.norm.normalized_shape[0]))


class MlpProjection(nn.Module):
    """Two linear maps with GELU between them, and a norm: every state of a tower becomes a token (full face), or one
    vector of a face recogniser becomes `tokens` of them (FaceID)."""

    def __init__(self, width: int, hidden: int, context: int, tokens: int = 1) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, tokens * context)
        self.norm = nn.LayerNorm(context)

    @property
    def spread(self) -> bool:
        """Whether several tokens are made of what it reads, as they are of the one vector of a face."""
        return self.fc2.out_features > self.norm.normalized_shape[0]

    def forward(self, states: Tensor) -> Tensor:
        """B T W (or B W, as T = 1) -> B N D with N = T * tokens."""
        tokens = self.fc2(F.gelu(self.fc1(states)))
        return self.norm(tokens.reshape(tokens.shape[0], -1, self.norm.normalized_shape[0]))


class ExtraKeys(nn.Module):
    """The key and value maps of one site."""

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.k = nn.Linear(context, width, bias=False)
        self.v = nn.Linear(context, width, bias=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """B N D -> keys and values, B N C each."""
        return self.k(tokens), self.v(tokens)


class ImagePrompt(nn.Module):
    """An IP-Adapter: one of the projections above, and keys and values for each of `sites`."""

    def __init__(self, projection: nn.Module, context: int, sites: Sequence[Site]) -> None:
        super().__init__()
        if not sites:
            raise BadValue("sites", "an image prompt without a site", "give the sites of the UNet")
        self.names = tuple(site.name for site in sites)
        self.projection = projection
        self.sites = nn.ModuleList(ExtraKeys(context, site.width) for site in sites)

    def forward(self, seen: Tensor, scale: Tensor, mask: Tensor | None = None) -> Stream:
        """`seen` is what the projection reads, one row for each image of the UNet's batch -> its Stream, with `scale`
        and `mask` as Stream has them. The keys are made once and serve every step."""
        return self.stream(self.projection(seen), scale, mask)

    def stream(self, tokens: Tensor, scale: Tensor, mask: Tensor | None = None) -> Stream:
        """The same from tokens B N D, of one picture or of several side by side."""
        pairs = {name: part(tokens) for name, part in zip(self.names, self.sites, strict=True)}
        keys = {name: pair[0] for name, pair in pairs.items()}
        return Stream(keys, {name: pair[1] for name, pair in pairs.items()}, scale, mask)
