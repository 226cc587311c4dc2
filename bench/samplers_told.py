"""What was measured of samplers, read again and told: differences with intervals, as a table and as a picture.

Takes the folder that `bench/samplers.py` writes its cells into. Draws and judges nothing.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True, order=True)
class Cell:
    """One way to draw; as text `sampler:spacing:steps`."""

    sampler: str
    spacing: str
    steps: int

    def __str__(self) -> str:
        return f"{self.sampler}:{self.spacing}:{self.steps}"


def cell_of(text: str) -> Cell:
    """The cell of `sampler:spacing:steps`."""
    sampler, spacing, steps = text.split(":")
    return Cell(sampler, spacing, int(steps))


BASE = cell_of("dpmpp_2m:karras:20")
"""What the others are compared with: the default of the second edition when it was published."""


class Line(TypedDict):
    """One block of a cell: `first` is its first question, `wall` and `cpu` are the seconds of a picture by batch; by
    question, what was judged (None: it was not)."""

    cell: str
    first: int
    calls: int
    threads: int
    load: float
    wall: list[float]
    cpu: list[float]
    likeness: list[float]
    named: list[bool | None]
    colour: list[bool | None]


def lines(folder: Path) -> Iterator[Line]:
    """What has been measured so far."""
    path = folder / "cells.jsonl"
    if path.exists():
        yield from (json.loads(line) for line in path.read_text("utf-8").splitlines())


def block_file(folder: Path, cell: Cell, first: int) -> Path:
    """The features of one block of a cell."""
    return folder / f"{str(cell).replace(':', '-')}-{first}.npy"


@dataclass(frozen=True)
class Result:
    """All blocks of a cell together: for each question its figures, NaN where one is not judged."""

    calls: int
    wall: float
    cpu: float
    places: NDArray[np.int64]
    likeness: NDArray[np.float64]
    named: NDArray[np.float64]
    colour: NDArray[np.float64]
    seen: NDArray[np.float32]


def joined(parts: Iterable[Sequence[float | None]]) -> NDArray[np.float64]:
    """The values of all parts; those that there are none of are not a number."""
    return np.array([np.nan if one is None else one for part in parts for one in part], dtype=np.float64)


def results(folder: Path) -> dict[Cell, Result]:
    """Every measured cell."""
    blocks: dict[Cell, list[Line]] = {}
    for line in sorted(lines(folder), key=lambda line: line["first"]):
        blocks.setdefault(cell_of(line["cell"]), []).append(line)

    return {
        cell: Result(
            found[0]["calls"],
            median(joined(line["wall"] for line in found)),
            median(joined(line["cpu"] for line in found)),
            np.concatenate([line["first"] + np.arange(len(line["likeness"])) for line in found]),
            joined(line["likeness"] for line in found),
            joined(line["named"] for line in found),
            joined(line["colour"] for line in found),
            np.concatenate([np.load(block_file(folder, cell, line["first"])) for line in found]),
        )
        for cell, found in blocks.items()
    }


def kernel(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """The cubic kernel of KID."""
    return (a.astype(np.float64) @ b.astype(np.float64).T / a.shape[1] + 1) ** 3


def kid(result: Result, real: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """KID x 1000 against the real pictures of the same questions, for each row of `weights` `R N` (times drawn).

    A question drawn twice makes equal pairs; those are left out, as the unbiased estimate leaves out the diagonal.
    """
    theirs = real[result.places]

    def pairs(values: NDArray[np.float64], diagonal: bool) -> NDArray[np.float64]:
        values = values.copy()
        total = weights.sum(1) ** 2
        if not diagonal:
            np.fill_diagonal(values, 0)
            total = total - (weights**2).sum(1)
        return np.einsum("rn,rn->r", weights @ values, weights) / total

    within = pairs(kernel(result.seen, result.seen), False) + pairs(kernel(theirs, theirs), False)
    return 1000 * (within - 2 * pairs(kernel(result.seen, theirs), False))


def spread(difference: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of the mean of the questions' differences, NaN left out."""
    there = ~np.isnan(difference)
    chosen = weights[:, there]
    low, high = np.percentile(chosen @ difference[there] / chosen.sum(1), [2.5, 97.5])
    return float(low), float(high)


def compared(cell: Result, base: Result, real: NDArray[np.float32]) -> list[str]:
    """The columns of differences from BASE, on the questions that both were asked."""
    count = min(len(cell.places), len(base.places))
    draws = (
        np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)
    )
    shown: list[str] = []
    for field, factor, form in (("likeness", 1, "+.3f"), ("named", 100, "+.0f"), ("colour", 100, "+.0f")):
        difference = factor * (getattr(cell, field)[:count] - getattr(base, field)[:count])
        low, high = spread(difference, draws)
        shown.append(f"{np.nanmean(difference):{form}} ({low:{form}} .. {high:{form}})")
    whole = np.ones((1, count))
    one, other = (cut(result, count) for result in (cell, base))
    apart = kid(one, real, draws) - kid(other, real, draws)
    low, high = np.percentile(apart, [2.5, 97.5])
    exact = float((kid(one, real, whole) - kid(other, real, whole))[0])
    return [*shown, f"{exact:+.1f} ({low:+.1f} .. {high:+.1f})"]


def cut(result: Result, count: int) -> Result:
    """The result on its first questions only."""
    names = ("places", "likeness", "named", "colour", "seen")
    return replace(result, **{name: getattr(result, name)[:count] for name in names})


def table(found: dict[Cell, Result], real: NDArray[np.float32], cells: Sequence[Cell]) -> str:
    """The measured cells by network calls, differences with 95 % intervals; `real` are the features `N D` of the real
    pictures of the questions."""
    rows = [
        "| sampler | spacing | steps | calls | pictures/s | n | likeness | recognised % | colour % "
        "| likeness, from 20 steps of dpmpp_2m | recognised | colour | KID x 1000 |",
        "|" + "---|" * 13,
    ]
    for cell in sorted((c for c in cells if c in found), key=lambda c: (found[c].calls, c)):
        r = found[cell]
        plain = [cell.sampler, cell.spacing, cell.steps, r.calls, f"{1 / r.cpu:.1f}", len(r.places)]
        means = [
            f"{r.likeness.mean():.3f}",
            f"{100 * np.nanmean(r.named):.0f}",
            f"{100 * np.nanmean(r.colour):.0f}",
        ]
        rest = compared(r, found[BASE], real) if cell != BASE else ["0"] * 4
        rows.append("| " + " | ".join(map(str, [*plain, *means, *rest])) + " |")
    return "\n".join(rows)


def chart(found: dict[Cell, Result], path: Path) -> None:
    """How likeness differs from that of BASE on shared questions, over network calls; a line for each method."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - only for the picture

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    base = found[BASE].likeness
    curves: dict[str, list[tuple[int, float]]] = {}
    for cell, result in sorted(found.items()):
        count = min(len(base), len(result.likeness))
        apart = float((result.likeness[:count] - base[:count]).mean())
        curves.setdefault(f"{cell.sampler}, {cell.spacing}", []).append((result.calls, apart))
    for place, (name, points) in enumerate(curves.items()):
        style = ("-", "--", ":")[place // 10 % 3]
        axes.plot(*zip(*points, strict=True), style, marker="o", markersize=4, label=name)
    axes.set_xlabel("network calls a picture")
    axes.set_ylabel(f"likeness to the thing asked for, less that of {BASE}")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, ncols=2)
    figure.savefig(path, dpi=90)
