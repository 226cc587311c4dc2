"""What several measurements share: the flags that name their material, and figures with their intervals."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

STYLES = ("3d render", "flat", "noto emoji")
"""The styles of sprites that pictures to measure on are made of."""
RESAMPLES = 2000


def interval(values: Sequence[float]) -> str:
    """Mean and its 95 % interval, from the bootstrap over `values`."""
    every, random = np.asarray(values), np.random.default_rng(0)
    means = every[random.integers(len(every), size=(RESAMPLES, len(every)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{every.mean():.3f} ({low:.3f} to {high:.3f})"


def on_held_pictures(description: str | None, count: int) -> argparse.ArgumentParser:
    """The flags of what is measured on pictures that training never saw, `count` of them unless another number is
    given; `description` is the docstring of the command."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n", 1)[0])
    parser.add_argument(
        "--data", type=Path, default=Path("data/mini"), help="folder of `mezzotint data build`"
    )
    parser.add_argument("--count", type=int, default=count, help="held pictures")
    return parser


def by_the_classifier(description: str | None) -> argparse.ArgumentParser:
    """The flags of what is judged by the evaluation's classifier; `description` is the docstring of the command."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder made by `mezzotint data build`")
    parser.add_argument(
        "--weights", type=Path, help="folder of the measuring network (packages/ in the data folder)"
    )
    return parser
