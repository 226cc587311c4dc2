"""How far pictures of few steps are from one of many: the figures, and a chart of them.

Takes a drawn plot with an axis of steps. The distance is the root mean square of 8 bit levels over all pixels and
channels. Needs matplotlib for the chart. Writes nothing.
"""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from mezzotint.evaluate.plot import Plot
from mezzotint.values.axes import Cell
from mezzotint.values.errors import MissingExtra
from mezzotint.values.recipe import Recipe

FLOOR = 0.1
"""Where the chart, which is logarithmic, shows equal pictures."""

Curves = Mapping[str, Mapping[int, float]]
"""For each line its name, and the distance by number of steps."""


def distance(a: Image.Image, b: Image.Image) -> float:
    """Root mean square difference of two pictures in levels of 255; 255 for pictures of two sizes."""
    if a.size != b.size:
        return 255.0
    apart = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return float(np.sqrt(np.mean(apart**2)))


def curves(plot: Plot, converged: Mapping[Cell, Recipe]) -> Curves:
    """The distance of each cell from the picture it converges to, one line for each value of the other axes."""
    place = next(i for i, axis in enumerate(plot.axes) if axis.name == "steps")
    found: dict[str, dict[int, float]] = {}
    for cell, recipe in plot.recipes.items():
        others = [
            axis.label(n) for i, (axis, n) in enumerate(zip(plot.axes, cell, strict=True)) if i != place
        ]
        line = found.setdefault(", ".join(others) or recipe.passes[0].sampler, {})
        line[recipe.passes[0].steps] = distance(plot.picture(recipe), plot.picture(converged[cell]))
    return {name: dict(sorted(line.items())) for name, line in found.items()}


def chart(found: Curves, steps: int, title: str) -> Image.Image:
    """The curves on logarithmic axes. Raises MissingExtra."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        raise MissingExtra("train", "matplotlib") from None
    figure: Any = Figure(figsize=(8, 5), layout="constrained")
    axes: Any = figure.add_subplot()
    for name, line in found.items():
        axes.plot(list(line), [max(FLOOR, value) for value in line.values()], marker="o", label=name)
    counts = sorted({count for line in found.values() for count in line})
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("steps")
    axes.set_ylabel(f"distance from {steps} steps (rms, levels of 255)")
    axes.set_title(title if len(title) <= 70 else title[:67] + "...", parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    with Image.open(buffer) as image:
        return image.convert("RGB")


def table(found: Curves) -> str:
    """The figures as lines for a terminal: a line for each curve."""
    width = max(map(len, found))
    rows = (
        f"{name:{width}}  " + "  ".join(f"{steps}: {value:.1f}" for steps, value in line.items())
        for name, line in found.items()
    )
    return "\n".join(rows)
