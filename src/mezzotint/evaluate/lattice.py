"""Whether a picture repeats with the period of its tiles, each of which may have drawn the same thing.

Takes a picture as numbers and the distance between tiles; gives a `Lattice`. Knows no tiles and no model. What shows at
the borders of tiles is told by `evaluate.seams`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Bin = tuple[int, int]
"""A frequency, down and across, in periods of the whole picture."""

FINEST = 8
"""The period in pixels from which on frequencies are looked at: the autoencoders of Stable Diffusion leave a pattern of
8 pixels of their own."""
HARMONICS, APART, FAR = 8, 2, 12
"""How many multiples of the lattice's frequency count; from which distance on bins do not see each other through the
window, and how far the neighbours of one reach."""
FEWEST = 4
"""How many times a stride has to fit into a picture."""


@dataclass(frozen=True)
class Lattice:
    """`excess` is by how many decibels the frequencies of the lattice stand out of those around them, beyond what those
    of lattices beside it do; `p` is how often one of these would stand out as far: below 0.01 the picture repeats with
    its tiles."""

    excess: float
    p: float


def lattice(picture: Values, down: int | None, across: int | None) -> Lattice:
    """How much `picture` H W C repeats every `down` rows and every `across` columns (None: there is one tile in that
    direction), in pixels.

    What repeats with the strides of tiles is made of the multiples of their frequencies and of no others. Looked at are
    the light and the steps between pixels, as spectra under a Hann window. Of each frequency counts the lesser of what
    it is above its neighbours to the sides and above and below: a long edge has all frequencies of one direction, a
    lattice has not. Beside it stand the same frequencies, moved in every way by less than their distance. Raises
    ValueError without a stride, for one of less than 16 pixels, and for one that does not fit the picture 4 times.
    """
    strides, sides = (down, across), picture.shape[:2]
    if down is None and across is None:
        raise ValueError("no stride is given")
    for stride, side in zip(strides, sides, strict=True):
        if stride is not None and (stride < 2 * FINEST or side < FEWEST * stride):
            raise ValueError(f"a stride of {stride} does not fit {side} pixels {FEWEST} times")
    every = tuple(
        None if stride is None else side // stride for stride, side in zip(strides, sides, strict=True)
    )
    height, width = (
        side if stride is None else side // stride * stride
        for stride, side in zip(strides, sides, strict=True)
    )
    spectra = [_spectrum(one) for one in _maps(picture[:height, :width].astype(np.float64))]
    bins = _bins((height, width), every)
    classes: dict[Bin, list[float]] = {}
    for one in bins:
        found = [_above(power, one, every) for power in spectra]
        kind = _kind(one, every)
        classes.setdefault(kind, []).extend(value for value in found if value is not None)
    at = float(np.mean(classes[(0, 0)]))
    others = [float(np.mean(values)) for kind, values in classes.items() if values and _off(kind, every)]
    return Lattice(at - float(np.mean(others)), _tail(at, np.asarray(others)))


def _tail(value: float, others: Values) -> float:
    """How likely one more of a kind with the normal `others` is `value` or greater: Student's t, by the normal
    quantiles that its own are near to (Abramowitz and Stegun, 26.7.8)."""
    freedom = len(others) - 1
    spread = max(float(np.std(others, ddof=1)), 1e-9) * math.sqrt(1 + 1 / len(others))
    t = (value - float(np.mean(others))) / spread
    z = t * (1 - 1 / (4 * freedom)) / math.sqrt(1 + t**2 / (2 * freedom))
    return 0.5 * math.erfc(z / math.sqrt(2))


def _kind(one: Bin, every: Sequence[int | None]) -> Bin:
    """By how much a frequency is beside one of the lattice; along a direction without tiles, by nothing."""
    down, across = (0 if count is None else place % count for place, count in zip(one, every, strict=True))
    return down, across


def _maps(picture: Values) -> tuple[Values, Values]:
    """The light of each pixel, and the steps to it from the ones above and before it."""
    light = picture.mean(axis=2)
    down, across = np.diff(light, axis=0, prepend=light[:1]), np.diff(light, axis=1, prepend=light[:, :1])
    return light, np.abs(down) + np.abs(across)


def _spectrum(values: Values) -> Values:
    """The power of each frequency in decibels, by bin; negative bins count from the end."""
    window = np.outer(*(np.hanning(side + 1)[:-1] for side in values.shape))
    power = np.abs(np.fft.fft2((values - values.mean()) * window)) ** 2
    return np.asarray(10 * np.log10(power + 1e-9 * max(float(power.max()), 1e-9)), np.float64)


def _bins(shape: tuple[int, ...], every: Sequence[int | None]) -> list[Bin]:
    """One half of the frequencies that are looked at; the other half is the same."""
    reach = [
        (side - 1) // FINEST if count is None else min((side - 1) // FINEST, HARMONICS * count)
        for side, count in zip(shape, every, strict=True)
    ]
    rows, columns = range(reach[0] + 1), range(-reach[1], reach[1] + 1)
    given = [axis for axis, count in enumerate(every) if count is not None]
    half = [one for one in product(rows, columns) if one > (0, 0)]
    return [one for one in half if max(abs(one[axis]) for axis in given) >= APART]


def _to_line(place: int, count: int) -> int:
    """How far a bin is from the next multiple of the lattice's frequency."""
    return min(place % count, -place % count)


def _off(one: Bin, every: Sequence[int | None]) -> bool:
    """Whether a frequency sees nothing of those of the lattice."""
    pairs = [(place, count) for place, count in zip(one, every, strict=True) if count is not None]
    return any(_to_line(*pair) >= APART for pair in pairs)


def _above(power: Values, one: Bin, every: Sequence[int | None]) -> float | None:
    """How many decibels a frequency is above its neighbours, in the direction where it is less; None without any."""
    found: list[float] = []
    for axis, count in enumerate(every):
        if count is None:
            continue
        away = [sign * far for far in range(APART, min(count + 1, FAR) + 1) for sign in (-1, 1)]
        around = [
            power[one[0] + step * (axis == 0), one[1] + step * (axis == 1)]
            for step in away
            if _to_line(one[axis] + step, count) >= APART
        ]
        if not around:
            return None
        found.append(float(power[one] - np.mean(around)))
    return min(found)
