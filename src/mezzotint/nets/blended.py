"""Attention of a UNet to several texts at once: what a site answers is blended from its answers to each of them.

Takes what further texts look like at every site and where each counts; gives `Attending`s. Knows no prompt.

Shapes: B rows of a call, of which B' are blended, R further texts, H heads, T queries, S tokens of a text, D width of
the text states, C channels of a site, h w a latent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor
from torch.nn import functional as F

from mezzotint.nets.attention import attend, split_heads
from mezzotint.nets.conditioning import Attending, Grid
from mezzotint.nets.unet import UNet
from mezzotint.nets.unet_blocks import Attention


@dataclass(frozen=True, eq=False)
class Looked:
    """A text as the sites of a network see it: `keys` and `values` B' S C by site; of the tokens only those `seen`
    (bool B' S; None: all) are some."""

    keys: Mapping[str, Tensor]
    values: Mapping[str, Tensor]
    seen: Tensor | None = None

    def of(self, rows: Tensor) -> "Looked":
        """That of some rows (int64), in their order."""
        seen = None if self.seen is None else self.seen[rows]
        return Looked(_rows(self.keys, rows), _rows(self.values, rows), seen)


def _rows(tensors: Mapping[str, Tensor], rows: Tensor) -> Mapping[str, Tensor]:
    return MappingProxyType({site: tensor[rows] for site, tensor in tensors.items()})


def looked_at(net: UNet, tokens: Tensor, seen: Tensor | None = None) -> Looked:
    """`tokens` B' S D at every attention of `net` to the text."""
    sites = [m for m in net.modules() if isinstance(m, Attention) and m.site not in net.own_sites]
    return Looked(
        MappingProxyType({one.site: one.k(tokens) for one in sites}),
        MappingProxyType({one.site: one.v(tokens) for one in sites}),
        seen,
    )


def blended(texts: Sequence[Looked], shares: Tensor, rows: Tensor) -> Mapping[str, Attending]:
    """What the sites compute in a call where the `rows` (int64 B') see `texts`, R of them, beside their own.

    A pixel takes (1 - sum of shares) of the answer to its own text and the share of each of the answers to the others;
    `shares` B' R h w are within 0..1 and at each place together at most 1. A site of another size takes their means.
    """
    sites = texts[0].keys
    return MappingProxyType({site: _blending(site, texts, shares, rows) for site in sites})


def _blending(site: str, texts: Sequence[Looked], shares: Tensor, rows: Tensor) -> Attending:
    def attending(q: Tensor, k: Tensor, v: Tensor, grid: Grid) -> Tensor:
        plain = attend(q, k, v, site)
        weights = F.interpolate(shares, (grid.rows, grid.columns), mode="area").flatten(2).to(q.dtype)
        asked, own = q[rows], plain[rows]
        mixed = own
        for place, text in enumerate(texts):
            keys, values = (split_heads(part[site], q.shape[1]) for part in (text.keys, text.values))
            mask = None if text.seen is None else text.seen[:, None, None]
            share = weights[:, place, None, :, None]
            mixed = mixed + share * (attend(asked, keys, values, site, mask) - own)
        return plain.index_copy(0, rows, mixed)

    return attending
