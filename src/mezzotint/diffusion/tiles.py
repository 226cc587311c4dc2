"""Tiled diffusion: a network is asked about overlapping parts of a large latent, and its answers are averaged.

Takes a size, gives the tiles that cover it; takes what makes a RequestCall for some tiles, gives one for the whole
(Bar-Tal et al. 2023, MultiDiffusion, equation 5: the weighted mean is the least-squares answer to all tiles). Reading a
network's output is linear, so the clean latent is the mean of those of the tiles, too, and guides see the whole
picture. Knows no network and no prompt.

Shapes: K texts, B pictures, C channels, H W the whole latent, h w a tile.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Reply, Request, RequestCall
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Tile:
    """`rows` x `columns` pixels of a latent from `top` and `left` on; beyond the last row (column) comes the first."""

    top: int
    left: int
    rows: int
    columns: int

    def of(self, x: Tensor) -> Tensor:
        """The tile of `x` ... H W -> ... h w."""
        height, width = x.shape[-2:]
        if self.top + self.rows <= height and self.left + self.columns <= width:
            return x[..., self.top : self.top + self.rows, self.left : self.left + self.columns]
        return x[(..., *self.places(height, width, x.device))]

    def places(self, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Rows h 1 and columns 1 w of its pixels, int64."""
        rows = torch.arange(self.top, self.top + self.rows, device=device) % height
        columns = torch.arange(self.left, self.left + self.columns, device=device) % width
        return rows[:, None], columns[None]


Window = Callable[[int, int], Tensor]
"""`(length, overlap) -> weights` float64 along one side of a tile, all above 0."""


def smooth(length: int, overlap: int) -> Tensor:
    """A squared sine up over the overlap, and down again: two neighbours that overlap so far have the sum 1."""
    place = torch.arange(length, dtype=torch.float64) + 0.5
    edge = torch.minimum(place, length - place) / max(overlap, 0.5)
    return torch.sin(edge.clamp(max=1) * (math.pi / 2)) ** 2


def gaussian(length: int, overlap: int) -> Tensor:
    """A Gaussian with a deviation of a quarter of the side, whatever the overlap."""
    place = (torch.arange(length, dtype=torch.float64) + 0.5) / length - 0.5
    return torch.exp(-8 * place**2)


def flat(length: int, overlap: int) -> Tensor:
    """The same weight everywhere, as in the paper."""
    return torch.ones(length, dtype=torch.float64)


WINDOWS: Mapping[str, Window] = MappingProxyType({"smooth": smooth, "gaussian": gaussian, "flat": flat})


def starts(size: int, length: int, overlap: int, wraps: bool) -> tuple[int, ...]:
    """Where tiles of `length` begin that cover `size`, evenly spread, each overlapping the next by `overlap` or more.

    With `wraps` they go around: the last overlaps the first.
    """
    if length >= size:
        return (0,)
    step = length - overlap
    if wraps:
        count = math.ceil(size / step)
        return tuple(i * size // count for i in range(count))
    count = math.ceil((size - overlap) / step)
    return tuple(round(i * (size - length) / (count - 1)) for i in range(count))


def tiles_of(
    height: int, width: int, length: int, overlap: int, wraps: tuple[bool, bool] = (False, False)
) -> tuple[Tile, ...]:
    """The tiles of a latent of `height` x `width`, row by row; `wraps` is for rows and columns.

    Raises BadValue unless 0 <= overlap < length.
    """
    if not 0 <= overlap < length:
        raise BadValue("tile_overlap", f"tiles of {length} cannot overlap by {overlap}", "use less")
    rows, columns = min(length, height), min(length, width)
    return tuple(
        Tile(top, left, rows, columns)
        for top in starts(height, length, overlap, wraps[0])
        for left in starts(width, length, overlap, wraps[1])
    )


def tiled(
    call_of: Callable[[Sequence[Tile]], RequestCall],
    tiles: Sequence[Tile],
    overlap: int,
    window: Window = smooth,
    together: int = 1,
) -> RequestCall:
    """The RequestCall for a whole latent that all `tiles`, of one size, cover. `call_of` makes the one for at most
    `together` tiles: its batch is the B pictures of the first tile, then those of the next.

    Raises BadValue when a call hands out taps: inner values of tiles are not those of a picture.
    """
    groups = [tuple(tiles[i : i + together]) for i in range(0, len(tiles), together)]
    first = tiles[0]
    weights = window(first.rows, overlap)[:, None] * window(first.columns, overlap)[None]

    def call(x: Tensor, t: Tensor, request: Request) -> Reply:
        height, width = x.shape[-2:]
        mask = weights.to(x)
        summed, total = x.new_zeros(len(request.texts), *x.shape), x.new_zeros(height, width)
        for group in groups:
            parts = torch.cat([tile.of(x) for tile in group])
            reply = call_of(group)(parts, t.repeat(len(group)), request)
            if reply.taps:
                told = "a guide looks into the network at the whole picture, which tiles never show"
                raise BadValue("tile", told, "leave out the tile or the guide (sag)")
            outputs = reply.outputs.to(x)
            answers = outputs.reshape(outputs.shape[0], len(group), -1, *outputs.shape[2:])
            for place, tile in enumerate(group):
                at = (..., *tile.places(height, width, x.device))
                summed[at] += answers[:, place] * mask
                total[at] += mask
        return Reply(summed / total)

    return call
