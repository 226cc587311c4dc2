"""Runs chains of convolutions and group norms over bands of rows: the whole result in the memory of a part.

Takes a chain of `Stage`s and a tensor, gives what the stages give for all of it, up to the rounding of its sums. Each
band is read with as many rows around it as the convolutions see, and a norm takes the mean and variance of the whole
picture, which a run over all bands finds first: so a band border is nowhere in the result. Knows no network.

Shapes: B pictures, C channels, G groups of channels, H W rows and columns.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, lcm, prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Walk = Generator[tuple[nn.GroupNorm, Tensor], Tensor, Tensor]
"""A computation that stops at every norm: it gives the norm and what it is about (B C H W, to be read before going on),
is sent SiLU of the normed, and returns B C' H' W'."""


@dataclass(frozen=True)
class Stage:
    """A part of a chain. `walk` makes it of its input; its convolutions see `before` rows around a row of the input
    and `after` rows around a row of the output, which has `scale` times as many rows and columns; `channels` are those
    of the widest tensor inside, at the larger of both sizes, and `made` those of the output."""

    walk: Callable[[Tensor], Walk]
    channels: int
    made: int
    before: int = 0
    after: int = 0
    scale: Fraction = Fraction(1)


@dataclass(frozen=True)
class Band:
    """Rows `first` to `last` (excluded) of an input of which rows `low` to `high` are read; rows beyond its edges are
    those of the other edge."""

    first: int
    last: int
    low: int
    high: int

    def of(self, x: Tensor) -> Tensor:
        """The rows that are read, B C H W -> B C (high - low) W."""
        height = x.shape[-2]
        if self.low >= 0 and self.high <= height:
            return x[..., self.low : self.high, :]
        rows = torch.arange(self.low, self.high, device=x.device) % height
        return x.index_select(-2, rows)

    def core(self, x: Tensor) -> Tensor:
        """The rows of `x`, computed from this band at any size, that belong to it."""
        scale = Fraction(x.shape[-2], self.high - self.low)
        first, last = (self.first - self.low) * scale, (self.last - self.low) * scale
        return x[..., int(first) : int(last), :]


@dataclass
class _Sums:
    """Mean and mean of the squares of what a norm sees, B G in float64, as far as bands have been looked at."""

    norm: nn.GroupNorm
    count: int = 0
    mean: Tensor = field(default_factory=lambda: torch.zeros(()))
    square: Tensor = field(default_factory=lambda: torch.zeros(()))

    def add(self, x: Tensor) -> None:
        """Counts one band, B C H W."""
        grouped = x.reshape(x.shape[0], self.norm.num_groups, -1).float()
        variance, mean = (part.double() for part in torch.var_mean(grouped, dim=-1, correction=0))
        count = self.count + grouped.shape[-1]
        share = grouped.shape[-1] / count
        self.mean = self.mean.to(mean.device) * (1 - share) + mean * share
        self.square = self.square.to(mean.device) * (1 - share) + (variance + mean * mean) * share
        self.count = count

    def map(self) -> tuple[Tensor, Tensor]:
        """The norm as `x * a + b`, B C 1 1 in float32 each."""
        each = self.norm.num_channels // self.norm.num_groups
        variance = (self.square - self.mean * self.mean).clamp(min=0)
        scale = (variance + self.norm.eps).rsqrt().repeat_interleave(each, dim=1)
        a = scale * self.norm.weight.double()
        b = self.norm.bias.double() - self.mean.repeat_interleave(each, dim=1) * a
        return a.float()[..., None, None], b.float()[..., None, None]


Known = dict[nn.GroupNorm, tuple[Tensor, Tensor]]


def run(stages: Sequence[Stage], x: Tensor, room: int, wrap: bool = False) -> Tensor:
    """What `stages` make of `x` B C H W, one after the other. With `wrap` the picture goes on above its first row with
    its last.

    `room` is the number of values that the widest tensor of one picture may have. Stages in which none has more are
    computed at once, others in bands of a quarter of it; what is between two stages is kept when it is no larger, and
    when it is, it is computed again for every norm that follows.
    """
    known: Known = {}
    held: list[Stage] = []
    for place, stage in enumerate(stages):
        held.append(stage)
        bands = _bands(held, x, room, wrap)
        if len(bands) == 1:
            x, held = _direct(held, x), []
            continue
        while (sums := _next_sums(held, x, bands, known)) is not None:
            known[sums.norm] = sums.map()
        if place == len(stages) - 1 or _kept(held, x) <= room:
            x, held = _collected(held, x, bands, known), []
            known.clear()
    return x


def _kept(stages: Sequence[Stage], x: Tensor) -> int:
    """About how many values of one picture come out of `stages`."""
    scale = prod(stage.scale for stage in stages)
    return ceil(stages[-1].made * x.shape[-2] * x.shape[-1] * scale * scale)


def _bands(stages: Sequence[Stage], x: Tensor, room: int, wrap: bool) -> list[Band]:
    """The bands of `x`, each with no fewer rows than are read around it: one if the widest tensor has room."""
    height, width = x.shape[-2:]
    scale, largest, step = Fraction(1), Fraction(1), 1
    for stage in stages:
        here = max(scale, scale * stage.scale)
        largest = max(largest, stage.channels * here * here)
        scale *= stage.scale
        step = lcm(step, scale.denominator)
    around = 0
    for stage in reversed(stages):
        around = ceil((around + stage.after) / stage.scale) + stage.before
    around = ceil(around / step) * step
    rows = max(int(room / 4 / (width * largest)) // step * step, around, step)
    if width * height * largest <= room or rows + 2 * around >= height:
        return [Band(0, height, 0, height)]
    found: list[Band] = []
    for first in range(0, height, rows):
        last = min(first + rows, height)
        low, high = first - around, last + around
        found.append(Band(first, last, low if wrap else max(low, 0), high if wrap else min(high, height)))
    return found


def _chain(stages: Sequence[Stage], x: Tensor) -> Walk:
    for stage in stages:
        x = yield from stage.walk(x)
    return x


def _direct(stages: Sequence[Stage], x: Tensor) -> Tensor:
    """The chain on the whole of `x`, each norm by itself."""
    return _ended(_chain(stages, x), lambda norm, x: F.silu(norm(x)))


def _ended(walk: Walk, normed: Callable[[nn.GroupNorm, Tensor], Tensor]) -> Tensor:
    try:
        asked = next(walk)
        while True:
            asked = walk.send(normed(*asked))
    except StopIteration as end:
        return end.value


def _normed(known: Known) -> Callable[[nn.GroupNorm, Tensor], Tensor]:
    def normed(norm: nn.GroupNorm, x: Tensor) -> Tensor:
        a, b = known[norm]
        h = torch.addcmul(b, x.float(), a)
        return F.silu(h, inplace=not torch.is_grad_enabled()).to(x.dtype)

    return normed


def _next_sums(stages: Sequence[Stage], x: Tensor, bands: Sequence[Band], known: Known) -> _Sums | None:
    """What the first norm of the chain that is not `known` sees; None when all are."""
    sums: _Sums | None = None
    normed = _normed(known)
    for band in bands:
        walk = _chain(stages, band.of(x))
        asked = next(walk, None)
        while asked is not None and asked[0] in known:
            asked = _going_on(walk, normed(*asked))
        if asked is None:
            return None
        sums = sums or _Sums(asked[0])
        sums.add(band.core(asked[1]))
    return sums


def _going_on(walk: Walk, value: Tensor) -> tuple[nn.GroupNorm, Tensor] | None:
    try:
        return walk.send(value)
    except StopIteration:
        return None


def _collected(stages: Sequence[Stage], x: Tensor, bands: Sequence[Band], known: Known) -> Tensor:
    """The results of all bands under each other, written into one tensor."""
    scale = prod(stage.scale for stage in stages)
    whole: Tensor | None = None
    for band, made in _made(stages, x, bands, known):
        if whole is None:
            height, width = (int(side * scale) for side in x.shape[-2:])
            whole = made.new_empty(made.shape[0], made.shape[1], height, width)
        whole[..., int(band.first * scale) : int(band.last * scale), :] = band.core(made)
    assert whole is not None
    return whole


def _made(
    stages: Sequence[Stage], x: Tensor, bands: Sequence[Band], known: Known
) -> Iterator[tuple[Band, Tensor]]:
    normed = _normed(known)
    for band in bands:
        yield band, _ended(_chain(stages, band.of(x)), normed)
