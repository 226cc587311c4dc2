"""The networks that a pass follows, at work: what they add inside the denoiser at every call of it.

Takes opened networks with their hints. Gives, for the rows of one call, an `Inject`. Knows no file and no picture of
Pillow's.

Shapes: B rows of a call, G pictures or tiles of one call, C h w a latent, P H W a hint, N tokens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import BLANK, EMPTY, NEGATIVE, Request
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.tiles import Tile
from mezzotint.nets.conditioning import Conditioning, Inject, Stream
from mezzotint.nets.control_union import ControlUnion
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.mmdit_control import MMDiTControl
from mezzotint.nets.t2i_adapter import T2IAdapter
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.controls import ControlUse
from mezzotint.values.errors import BadValue

SOFT = 0.825**12
"""With the mode "prompt", the weight of the first of all that a ControlNet adds; those after it rise evenly in their
logarithm to 1 in the middle (lllyasviel/ControlNet: 0.825 ** (12 - i) for its 13)."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one call of the network: its `x` B C h w, `t` B and `cond`; for each the place of its `picture` among
    G (int64 B), and whether its text is a `negative` one (bool B); the `level` of all."""

    x: Tensor
    t: Tensor
    cond: Conditioning
    pictures: Tensor
    negative: Tensor
    level: Level

    def only(self, rows: Tensor) -> "Rows":
        """Those of the rows (int64)."""
        cond = self.cond
        pooled, numbers, planes = (
            None if v is None else v[rows] for v in (cond.pooled, cond.numbers, cond.planes)
        )
        kept = Conditioning(cond.tokens[rows], pooled, numbers, planes)
        return Rows(self.x[rows], self.t[rows], kept, self.pictures[rows], self.negative[rows], self.level)


Adds = Callable[[Rows], Inject]
"""What one network adds in one call."""


@dataclass(frozen=True, eq=False)
class Follower:
    """A network that works from the step `first` up to, and without, the step `end`; `over` gives what it adds to the
    pictures at some tiles (None: the whole pictures)."""

    first: float
    end: float
    over: Callable[[Sequence[Tile] | None], Adds]


def following(followers: Sequence[Follower], tiles: Sequence[Tile] | None) -> Adds:
    """What all `followers` together add to the pictures at `tiles`."""
    ready = [(follower, follower.over(tiles)) for follower in followers]

    def add(rows: Rows) -> Inject:
        found, step = Inject(), rows.level.step
        for follower, adds in ready:
            if follower.first <= step and step + 1 <= follower.end:
                found = found.beside(adds(rows))
        return found

    return add


def rows_of(x: Tensor, t: Tensor, cond: Conditioning, places: Tensor, request: Request, count: int) -> Rows:
    """The rows at `places` among K `count`, of the K texts of a request."""
    told = [text in (NEGATIVE.text, EMPTY.text, BLANK.text) for text in request.texts]
    negative = torch.tensor(told, device=places.device)
    return Rows(x, t, cond, places % count, negative[places // count], request.level)


def cut(planes: Tensor, tiles: Sequence[Tile] | None, factor: int) -> Tensor:
    """Planes N P H W of whole pictures, `factor` pixels for each of the latent -> those of all pictures at the first
    tile, then at the next."""
    if tiles is None:
        return planes
    return torch.cat(
        [
            Tile(*(side * factor for side in (tile.top, tile.left, tile.rows, tile.columns))).of(planes)
            for tile in tiles
        ]
    )


def controlnet(net: ControlNet, hint: Tensor, use: ControlUse, tiles: Sequence[Tile] | None) -> Adds:
    """What a ControlNet adds; `hint` N P H W in 0..1. Raises BadValue for `blocks` of another number than it has."""
    shown, one = cut(hint, tiles, net.control.factor), torch.ones((), device=hint.device)

    def made(rows: Rows) -> Inject:
        return net(rows.x, rows.t, _copied(net, rows), shown[rows.pictures], one)

    return _weighted(made, use)


def _copied(net: ControlNet, rows: Rows) -> Conditioning:
    """The conditioning as it is for the network, or without planes, for one of the model that this one came from."""
    planes = rows.cond.planes
    fits = planes is not None and rows.x.shape[1] + planes.shape[1] == net.geometry.in_channels
    return rows.cond if fits else replace(rows.cond, planes=None)


def union(
    net: ControlUnion,
    hints: Sequence[Tensor],
    kinds: Sequence[int],
    uses: Sequence[ControlUse],
    tiles: Sequence[Tile] | None,
) -> Adds:
    """What a network for several kinds of hints adds; `hints` N P H W in 0..1, each with its number and its use, which
    differ in hint and weight alone. One is weighed by all that it adds, several where they are fused, as the reference
    has it. Raises BadValue as `controlnet` does."""
    shown = [cut(hint, tiles, net.net.control.factor) for hint in hints]
    alone = len(uses) == 1
    scales = [1.0 if alone else use.weight for use in uses]

    def made(rows: Rows) -> Inject:
        seen = [hint[rows.pictures] for hint in shown]
        return net(rows.x, rows.t, _copied(net.net, rows), seen, kinds, scales)

    return _weighted(made, uses[0] if alone else uses[0].model_copy(update={"weight": 1.0}))


def joint_control(net: MMDiTControl, hint: Tensor, use: ControlUse, tiles: Sequence[Tile] | None) -> Adds:
    """What a ControlNet of SD 3 adds; `hint` N C h w. Raises BadValue as `controlnet` does."""
    shown, one = cut(hint, tiles, 1), torch.ones((), device=hint.device)

    def made(rows: Rows) -> Inject:
        pooled = rows.cond.pooled
        if net.control.zeros and pooled is not None:
            pooled = torch.zeros_like(pooled)
        return net(rows.x, rows.t, replace(rows.cond, pooled=pooled), shown[rows.pictures], one)

    return _weighted(made, use)


def adapter(
    net: T2IAdapter,
    unet: UNetGeometry,
    hint: Tensor,
    factor: int,
    use: ControlUse,
    tiles: Sequence[Tile] | None,
) -> Adds:
    """What a T2I-Adapter adds, which is the same in every step: it looks once, at `hint` N P H W in 0..1, of which
    `factor` pixels lie on one of the latent."""

    @cache
    def features() -> Mapping[str, Tensor]:
        return net(cut(hint, tiles, factor), unet, torch.ones((), device=hint.device)).residuals

    def made(rows: Rows) -> Inject:
        return Inject({site: feature[rows.pictures] for site, feature in features().items()})

    return _weighted(made, use)


def _weighted(made: Callable[[Rows], Inject], use: ControlUse) -> Adds:
    """What is `made`, as strongly as `use` says; where that is nothing at all, it is not made."""

    def weighted(rows: Rows) -> Inject:
        if use.mode != "control" or not rows.negative.any():
            return Inject(_scaled(made(rows).residuals, use))
        active = (~rows.negative).nonzero().flatten()
        if not len(active):
            return Inject()
        found: dict[str, Tensor] = {}
        for site, part in _scaled(made(rows.only(active)).residuals, use).items():
            found[site] = part.new_zeros(len(rows.negative), *part.shape[1:])
            found[site][active] = part
        return Inject(MappingProxyType(found))

    return weighted


def _scaled(residuals: Mapping[str, Tensor], use: ControlUse) -> Mapping[str, Tensor]:
    weights = site_weights(use, len(residuals))
    return MappingProxyType(
        {
            site: residual if weight == 1 else residual * weight
            for (site, residual), weight in zip(residuals.items(), weights, strict=True)
        }
    )


def site_weights(use: ControlUse, count: int) -> tuple[float, ...]:
    """The weight of each of `count` residuals, in their order. Raises BadValue for `blocks` that are not as many."""
    if use.blocks is not None and len(use.blocks) != count:
        told = f"{len(use.blocks)} weights for a network that adds at {count} places"
        raise BadValue("control blocks", told, f"give {count}")
    blocks = use.blocks or (1.0,) * count
    if use.mode == "balanced":
        return tuple(use.weight * block for block in blocks)
    last = max(1, count - 1)
    return tuple(use.weight * block * SOFT ** ((count - 1 - i) / last) for i, block in enumerate(blocks))


def image_prompt(
    said: Callable[[Tensor], Stream], mask: Tensor | None, factor: int, name: str
) -> Callable[[Sequence[Tile] | None], Adds]:
    """What an IP-Adapter adds; at a time (), `said` of its pictures is the first row of a Stream, and what negative
    texts go with the second. `mask` N 1 H W, of which `factor` pixels lie on one of the latent."""

    def adds(rows: Rows, where: Tensor | None) -> Inject:
        # All rows of a call are at one level.
        both, which = said(rows.t.reshape(-1)[0]), rows.negative.long()
        stream = replace(
            both,
            keys={site: keys[which] for site, keys in both.keys.items()},
            values={site: values[which] for site, values in both.values.items()},
            mask=None if where is None else where[rows.pictures],
        )
        return Inject(streams=MappingProxyType({name: stream}))

    return lambda tiles: partial(adds, where=None if mask is None else cut(mask, tiles, factor))
