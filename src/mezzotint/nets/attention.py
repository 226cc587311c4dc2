"""The one place where attention is computed: queries, keys and values in, mixed values out.

Every network calls `attend`, with the name of the place it calls from; whoever wants a faster kernel or
another attention changes this function and no network. Knows no network, no projections and no weights.

Shapes: B batch, H heads, T queries, S keys and values, D width of a head.
"""

from collections.abc import Iterable

from torch import Tensor
from torch.nn import functional as F

from mezzotint.nets.conditioning import Stream
from mezzotint.values.errors import BadValue


def split_heads(x: Tensor, heads: int) -> Tensor:
    """B T (H D) -> B H T D, a view."""
    return x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """B H T D -> B T (H D)."""
    return x.transpose(1, 2).flatten(2)


def attend(q: Tensor, k: Tensor, v: Tensor, site: str, mask: Tensor | None = None) -> Tensor:
    """softmax(q k' / sqrt(D) + mask) v (Vaswani et al. 2017): B H T D, B H S D, B H S D -> B H T D.

    `site` names the attention inside its network ("down.0.attentions.1.blocks.0.attn2"). `mask` broadcasts to
    B H T S: bool, True where a query may look, or of the type of `q` and added to the scores. Raises BadValue
    when the shapes do not fit together.
    """
    if k.shape != v.shape or q.shape[-1] != k.shape[-1] or q.shape[0] != k.shape[0]:
        raise BadValue(
            site,
            f"attention got queries {tuple(q.shape)}, keys {tuple(k.shape)} and values {tuple(v.shape)}",
            "give queries, keys and values of one batch and one head width",
        )
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def attend_streams(mixed: Tensor, q: Tensor, streams: Iterable[Stream], site: str) -> Tensor:
    """`mixed`, the answer of a site to its queries `q` (B H T D both), and what each stream adds to it there.

    Masks, where there are any, have one pixel for each of the T queries. Without a stream for this site it is
    `mixed` itself. Raises BadValue when the shapes do not fit together.
    """
    for stream in streams:
        if site in stream.keys:
            k, v = (split_heads(part[site], q.shape[1]) for part in (stream.keys, stream.values))
            extra = attend(q, k, v, site)
            if stream.mask is not None:
                extra = extra * stream.mask.flatten(2).transpose(1, 2)[:, None].to(extra.dtype)
            mixed = mixed + stream.scale.to(extra.dtype).reshape(-1, 1, 1, 1) * extra
    return mixed
