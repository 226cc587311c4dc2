"""Whether the borders of tiles show in a picture: the steps across them beside those across all other lines.

Takes a picture as numbers and the rows and columns at which tiles meet; gives a `Seams`. Knows no tiles and no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Seams:
    """`shares`: for each border, the share of the other lines of its direction whose mean step is smaller (near 1: it
    stands out). `ratio` is the mean step at borders over the mean step elsewhere, and `p` the share of random choices
    of as many other lines whose ratio is as large: below 0.05 the borders show."""

    shares: tuple[float, ...]
    ratio: float
    p: float


def steps(picture: Values, axis: int) -> Values:
    """The mean absolute step to each line from the one before it along `axis`, H - 1 or W - 1 of them, each divided by
    the median step of the 16 lines around: what is a detail of the picture there does not count."""
    across = np.abs(np.diff(picture.astype(np.float64), axis=axis))
    found = across.mean(axis=tuple(i for i in range(across.ndim) if i != axis))
    around = [np.median(found[max(0, i - 8) : i + 9]) for i in range(len(found))]
    return found / np.maximum(around, 1e-9)


def seams(picture: Values, rows: Sequence[int], columns: Sequence[int], trials: int = 2000) -> Seams:
    """How much the lines `rows` and `columns` of `picture` H W C stand out; each is the first line behind a border.

    The choices for `p` come from a fixed seed. Raises ValueError without a border.
    """
    if not rows and not columns:
        raise ValueError("no border is given")
    lines = (steps(picture, 0), steps(picture, 1))
    borders = (np.asarray(rows, int) - 1, np.asarray(columns, int) - 1)
    others = [np.delete(line, b) for line, b in zip(lines, borders, strict=True)]
    shares = [
        float((other < line[at]).mean())
        for line, other, b in zip(lines, others, borders, strict=True)
        for at in b
    ]
    elsewhere = max(float(np.concatenate(others).mean()), 1e-9)
    at_borders = np.concatenate([line[b] for line, b in zip(lines, borders, strict=True)])
    chance = np.random.default_rng(0)
    drawn = [
        np.concatenate([chance.choice(o, len(b)) for o, b in zip(others, borders, strict=True)]).mean()
        for _ in range(trials)
    ]
    p = float((np.asarray(drawn) >= at_borders.mean()).mean())
    return Seams(tuple(shares), float(at_borders.mean()) / elsewhere, p)
