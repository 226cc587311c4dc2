"""A model on parts of a picture, and on a picture that goes on at its edges.

Takes what one pass says of tiles and an opened model, gives the model for such a picture and the calls that ask about
its tiles. Knows no network's inside and no sampler.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

from torch import Tensor

from mezzotint.diffusion.denoise import RequestCall
from mezzotint.diffusion.tiles import WINDOWS, Tile, tiled, tiles_of
from mezzotint.engine.model import Opened
from mezzotint.engine.steering import Steering
from mezzotint.engine.walk import Walk
from mezzotint.families.family import Family
from mezzotint.families.places import placed
from mezzotint.nets import large
from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.wrapping import wrapped
from mezzotint.values.errors import BadValue
from mezzotint.values.tiling import Tiling

TOGETHER = 4
"""Tiles of one call in fast numerics."""

CallOf = Callable[[Steering, int, Sequence[Tile] | None], RequestCall]
"""`(what steers, how many pictures, at which tiles) -> the call of the network`; None: the whole pictures."""


def tiles_for(walk: Walk, family: Family) -> tuple[Tile, ...]:
    """The tiles of the latent of a pass, in its pixels; one where it says nothing of tiles.

    Raises BadValue for a tile that the network's patches do not divide.
    """
    tiling, factor = walk.use.tiling, family.latent.factor
    height, width = walk.height // factor, walk.width // factor
    if tiling.tile is None:
        return (Tile(0, 0, height, width),)
    if tiling.tile % family.multiple:
        told = f"{tiling.tile} is not a multiple of {family.multiple}, as this model needs"
        raise BadValue("tile", told, f"use multiples of {family.multiple}")
    return tiles_of(height, width, tiling.tile // factor, tiling.shared // factor, tiling.wraps)


def over_tiles(walk: Walk, family: Family, steered: Steering, count: int, call_of: CallOf) -> RequestCall:
    """The call of the network for `count` pictures that are drawn as `walk`: about the whole latent, or about its
    tiles, each with the sizes and planes of its place."""
    tiling, tiles = walk.use.tiling, tiles_for(walk, family)
    if len(tiles) == 1:
        return call_of(steered, count, None)

    @cache
    def call(group: tuple[Tile, ...]) -> RequestCall:
        parts = [partial(_cut, tile=tile, family=family) for tile in group]
        return call_of(steered.over(parts), count * len(group), group)

    together = TOGETHER if walk.recipe.numerics.mode == "fast" else 1
    window = WINDOWS[tiling.window or "smooth"]
    return tiled(call, tiles, tiling.shared // family.latent.factor, window, together)


def _cut(cond: Conditioning, tile: Tile, family: Family) -> Conditioning:
    """What steers the whole picture, at the place of a tile."""
    factor = family.latent.factor
    place = (tile.top * factor, tile.left * factor, tile.rows * factor, tile.columns * factor)
    planes = None if cond.planes is None else tile.of(cond.planes)
    return replace(placed(cond, family.condition, place), planes=planes)


def for_picture(opened: Opened, walk: Walk) -> Opened:
    """The model that draws `walk`: for a seamless picture one whose convolutions wrap, with the same weights. Where
    tiles go around the edge, their network has none to wrap at.

    Raises BadValue for a seamless picture of a model without convolutions.
    """
    seamless = walk.use.tiling.seamless
    if seamless is None:
        return opened
    model = opened.model
    if isinstance(model.denoiser, MMDiT):
        told = f"{model.family.title} has no convolutions that could go on at the edge"
        raise BadValue("seamless", told, "use a model with a UNet (Stable Diffusion 1, 2 or XL)")
    denoiser = wrapped(model.denoiser, left_to_wrap(walk, model.family))
    autoencoder = wrapped(model.autoencoder, seamless)
    return replace(opened, model=replace(model, denoiser=denoiser, autoencoder=autoencoder))


def left_to_wrap(walk: Walk, family: Family) -> str | None:
    """The axes of a seamless picture along which a tile is all of it; none of another picture."""
    tile, factor = tiles_for(walk, family)[0], family.latent.factor
    down, across = walk.use.tiling.wraps
    down, across = (
        down and tile.rows * factor == walk.height,
        across and tile.columns * factor == walk.width,
    )
    return "both" if down and across else "y" if down else "x" if across else None


def decoded(net: Autoencoder, z: Tensor, tiling: Tiling) -> Tensor:
    """Latents B L h w, unscaled -> pixels B P H W; large ones in bounded memory."""
    side = tiling.in_bands(*(size * net.geometry.factor for size in (z.shape[-1], z.shape[-2])))
    return net.decode(z) if side is None else large.decode(net, z, side, tiling.wraps[0])


def encoded(net: Autoencoder, x: Tensor, tiling: Tiling) -> tuple[Tensor, Tensor]:
    """Pixels B P H W in -1..1 -> mean and log-variance B L h w, unscaled; large ones in bounded memory."""
    side = tiling.in_bands(x.shape[-1], x.shape[-2])
    return net.encode(x) if side is None else large.encode(net, x, side, tiling.wraps[0])


def seen_at_once(walk: Walk) -> tuple[int, int]:
    """Width and height in pixels of what one call of the network sees of a picture."""
    most = walk.use.tiling.tile or max(walk.width, walk.height)
    return min(walk.width, most), min(walk.height, most)
