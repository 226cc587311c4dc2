"""The one place where attention is computed: queries, keys and values in, mixed values out.

Every network calls `attend`, with the name of the place it calls from; whoever wants a faster kernel or
another attention changes this function and no network. Knows no network, no projections and no weights.

Shapes: B batch, H heads, T queries, S keys and values, D width of a head.
"""

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from mezzotint.nets.conditioning import Attending, Grid, Inject, Manner, Memory, Moments, Pair, Stream
from mezzotint.values.errors import BadValue

NORM_EPS = 1e-6
"""Of the norms of queries and keys, in every published network."""


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


@dataclass(frozen=True)
class Within:
    """What others do in the attentions of one forward: `streams`, `attend` and `memories` of the `Inject`; the
    attentions whose maps are put into `maps` for its `taps`, and those whose keys and values into `pairs` for its
    `recalled`; `manners`, and the `moments` for what is `felt`; and the size of the picture where it is."""

    streams: tuple[Stream, ...]
    attend: Mapping[str, Attending]
    taps: frozenset[str]
    maps: MutableMapping[str, Tensor]
    memories: tuple[Memory, ...]
    recalled: frozenset[str]
    pairs: MutableMapping[str, Pair]
    manners: tuple[Manner, ...]
    felt: frozenset[str]
    moments: MutableMapping[str, Moments]
    rows: int = 0
    columns: int = 0

    def at(self, rows: int, columns: int) -> "Within":
        """The same on another grid, with the masks of its streams resized."""
        streams = tuple(stream.at(rows, columns) for stream in self.streams)
        return replace(self, streams=streams, rows=rows, columns=columns)


def nothing_within() -> Within:
    """Nobody does anything."""
    return Within((), {}, frozenset(), {}, (), frozenset(), {}, (), frozenset(), {})


def within_of(
    inject: Inject | None,
    sites: frozenset[str],
    own: frozenset[str],
    joint: frozenset[str] = frozenset(),
    planes: frozenset[str] = frozenset(),
) -> Within:
    """What `inject` does within a network that has attentions at `sites`, those of the picture to itself at its `own`,
    and where streams see the pixels alone at `joint`; and that has features in `planes`. Raises BadValue for other
    sites."""
    if inject is None:
        return nothing_within()
    memories, manners = tuple(inject.memories.values()), tuple(inject.manners.values())
    asked = (
        ("attend", inject.attend.keys(), sites),
        ("taps", inject.taps, own),
        ("recalled", inject.recalled, own),
        *(("memories", memory.pairs.keys(), own) for memory in memories),
        ("felt", inject.felt, planes),
        *(("manners", manner.moments.keys(), planes) for manner in manners),
    )
    for word, named, known in asked:
        unknown = sorted(named - known)
        if unknown:
            place = "features" if known is planes else "attention"
            raise BadValue(word, f"no {place} {unknown[0]!r}", "use a site of this network")
    streams = tuple(inject.streams.values())
    for stream in streams:
        _check_stream(stream, sites, joint)
    return Within(
        streams, inject.attend, inject.taps, {}, memories, inject.recalled, {}, manners, inject.felt, {}
    )


def _check_stream(stream: Stream, sites: frozenset[str], joint: frozenset[str]) -> None:
    """Raises BadValue for a stream at other sites, or for a network that attends in another way."""
    unknown = sorted((stream.keys.keys() | stream.values.keys()) - sites)
    told = ""
    if unknown:
        told = f"no attention {unknown[0]!r}"
    elif stream.keys.keys() != stream.values.keys():
        told = "keys and values at different sites"
    elif frozenset(stream.norms) != joint.intersection(stream.keys):
        told = "norms where this network takes none" if stream.norms else "no norms for the pixels alone"
    if told:
        raise BadValue("streams", told, "make the streams for this network")


def attend_within(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    site: str,
    within: Within,
    bare: tuple[Tensor, Tensor, Tensor] | None = None,
) -> Tensor:
    """`attend` with all that others do at this site: B H T D, B H S D, B H S D -> B H T D. What is computed instead of
    the attention has no memories. `bare` are queries, keys and values of the pixels alone, without norms, for the
    streams of an attention of pixels and texts together."""
    changed, grid = within.attend.get(site), Grid(within.rows, within.columns)
    mixed = (
        attend(q, *remembering(k, v, within.memories, site)) if changed is None else changed(q, k, v, grid)
    )
    if site in within.taps:
        within.maps[site] = attention_map(q, k, grid)
    if site in within.recalled:
        within.pairs[site] = k[:, :, : grid.size], v[:, :, : grid.size]
    return attend_streams(mixed, (q, k, v) if bare is None else bare, within.streams, site)


def remembering(
    k: Tensor, v: Tensor, memories: Iterable[Memory], site: str
) -> tuple[Tensor, Tensor, str, Tensor | None]:
    """The rest of what `attend` takes: keys and values B H S D with those of the memories that there are behind them,
    the site, and how much these count: a weight w multiplies what softmax weighs, as log w added to the scores."""
    there = [memory for memory in memories if site in memory.pairs]
    if not there:
        return k, v, site, None
    pairs = [memory.pairs[site] for memory in there]
    keys, values = (
        torch.cat([k, *(pair[0] for pair in pairs)], 2),
        torch.cat([v, *(pair[1] for pair in pairs)], 2),
    )
    if all(memory.weight is None for memory in there):
        return keys, values, site, None
    mask = k.new_zeros(k.shape[0], 1, 1, keys.shape[2])
    start = k.shape[2]
    for memory, pair in zip(there, pairs, strict=True):
        end = start + pair[0].shape[2]
        if memory.weight is not None:
            mask[..., start:end] = memory.weight.to(k).log().reshape(-1, 1, 1, 1)
        start = end
    return keys, values, site, mask


def attention_map(q: Tensor, k: Tensor, grid: Grid) -> Tensor:
    """How much each pixel looks at each pixel, B H T D, B H S D -> B H T' rows columns, T' = rows * columns; what
    looks or is looked at beyond the pixels is left out of it."""
    scores = (q[:, :, : grid.size] @ k.transpose(2, 3)) / q.shape[-1] ** 0.5
    return scores.softmax(dim=-1)[..., : grid.size].unflatten(-1, (grid.rows, grid.columns))


def attend_streams(
    mixed: Tensor, asked: tuple[Tensor, Tensor, Tensor], streams: Iterable[Stream], site: str
) -> Tensor:
    """`mixed`, the answer of a site B H M D, and what each stream adds to the first T of it there; `asked` are the T
    queries, and the keys and values, of the pixels.

    Masks, where there are any, have one pixel for each of the T queries. Without a stream for this site it is
    `mixed` itself. Raises BadValue when the shapes do not fit together.
    """
    for stream in streams:
        if site in stream.keys:
            extra = attend(*_streamed(asked, stream, site), site)
            if stream.mask is not None:
                extra = extra * stream.mask.flatten(2).transpose(1, 2)[:, None].to(extra.dtype)
            extra = stream.scale.to(extra.dtype).reshape(-1, 1, 1, 1) * extra
            rest = mixed.shape[2] - extra.shape[2]
            mixed = mixed + (F.pad(extra, (0, 0, 0, rest)) if rest else extra)
    return mixed


def _streamed(
    asked: tuple[Tensor, Tensor, Tensor], stream: Stream, site: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of a stream at a site."""
    q, own_k, own_v = asked
    k, v = (split_heads(part[site], q.shape[1]) for part in (stream.keys, stream.values))
    norms = stream.norms.get(site)
    if norms is None:
        return q, k, v
    q, own_k = (
        F.rms_norm(x, x.shape[-1:], weight.to(x), NORM_EPS)
        for x, weight in ((q, norms.queries), (own_k, norms.keys))
    )
    return q, torch.cat([own_k, k], 2), torch.cat([own_v, v], 2)
