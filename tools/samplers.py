"""Measures the samplers where the truth is known, and writes the tables of docs/samplers.md.

The data are a mixture of two normals in one dimension: its score is known, and the sampling equation moves every
number along its quantile, so the exact end of every walk is one inversion of a distribution function. Float64, from a
finite level to a finite level, eta = 0.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.path import Diffused, Level, Rectified, scaled_linear
from mezzotint.diffusion.path import Path as NoisePath
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.registry import SAMPLERS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "samplers.md"
BEGIN, END = "<!-- tables: written by tools/samplers.py -->\n", "<!-- end of tables -->"
WEIGHTS, MEANS, SPREADS = (
    torch.tensor(row, dtype=torch.float64) for row in ((0.3, 0.7), (-1.0, 0.8), (0.3, 0.5))
)
PATHS: dict[str, NoisePath] = {
    "diffused": Diffused(scaled_linear(0.00085, 0.012, 1000)),
    "rectified": Rectified(3.0),
}
COUNTS = (5, 10, 20, 50)


def answer(x: Tensor, level: Level) -> Tensor:
    """The clean latent that is to be expected, given x."""
    alpha, variance = level.alpha, level.alpha**2 * SPREADS**2 + level.sigma**2
    off = x[..., None] - alpha * MEANS
    shares = (WEIGHTS.log() - variance.log() / 2 - off**2 / variance / 2).softmax(-1)
    return (shares * (MEANS + alpha * SPREADS**2 / variance * off)).sum(-1)


def share_below(x: Tensor, level: Level) -> Tensor:
    """The distribution function at a level."""
    spread = (level.alpha**2 * SPREADS**2 + level.sigma**2).sqrt()
    shares = (1 + torch.erf((x[..., None] - level.alpha * MEANS) / spread / 2**0.5)) / 2
    return (WEIGHTS * shares).sum(-1)


def transported(x: Tensor, start: Level, end: Level) -> Tensor:
    """Where the sampling equation takes x: to the same quantile, found by halving."""
    wanted = share_below(x, start)
    low, high = torch.full_like(x, -100.0), torch.full_like(x, 100.0)
    for _ in range(100):
        middle = (low + high) / 2
        below = share_below(middle, end) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def smooth(path: NoisePath, steps: int) -> Plan:
    """A plan that gets finer all over as `steps` grows: Karras's from 10 to 0.1, even before the shift otherwise."""
    even = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    if isinstance(path, Rectified):
        u = torch.lerp(torch.tensor(0.9).double(), torch.tensor(0.05).double(), even)
        sigmas = path.shift * u / (1 + (path.shift - 1) * u)
    else:
        sigmas = (
            torch.lerp(torch.tensor(10.0).double() ** (1 / 7), torch.tensor(0.1).double() ** (1 / 7), even)
            ** 7
        )
    return Plan(path, tuple(path.level(sigma, step) for step, sigma in enumerate(sigmas)))


def still(a: Level, b: Level, purpose: str) -> Tensor:
    """No noise, for samplers that may not draw any."""
    return torch.zeros(2, 1, 3, 4)


def suited(sampler: str, denoise: Denoiser) -> Denoiser:
    """`denoise` twice, for samplers that take the noise from another answer."""
    if not SAMPLERS[sampler].pair:
        return denoise
    return lambda x, level: torch.stack([denoise(x, level)] * 2)


def error(sampler: str, path: NoisePath, steps: int) -> float:
    """The largest error of 24 numbers over the middle of the distribution."""
    plan, entry = smooth(path, steps), SAMPLERS[sampler]
    first, last = plan.levels[0], plan.levels[-1]
    x = torch.linspace(-2, 2, 24, dtype=torch.float64).reshape(2, 1, 3, 4)
    x = x * (first.alpha**2 + first.sigma**2).sqrt()
    *_, step = entry.sample(suited(sampler, answer), x, plan, still, replace(entry.tuning, eta=0.0))
    return float((step.x - transported(x, first, last)).abs().max())


def measured_order(sampler: str, path: NoisePath, steps: int = 80) -> float:
    """How often the error halves for each doubling of the steps, over two doublings."""
    return math.log2(error(sampler, path, steps) / error(sampler, path, 4 * steps)) / 2


def rows(path: NoisePath) -> Iterator[str]:
    """The lines of one table."""
    heads = " | ".join(f"{count} steps" for count in COUNTS)
    yield f"| sampler | calls a step | order in theory | measured | {heads} |"
    yield "|---" * (4 + len(COUNTS)) + "|"
    for name, entry in SAMPLERS.items():
        if entry.order is None:
            continue
        errors = " | ".join(f"{error(name, path, count):.1e}" for count in COUNTS)
        yield f"| `{name}` | {entry.calls} | {entry.order} | {measured_order(name, path):.2f} | {errors} |"


def tables() -> str:
    """Both tables."""
    return "\n".join(
        f"### The {name} path\n\n" + "\n".join(rows(path)) + "\n" for name, path in PATHS.items()
    )


def with_tables(page: str, text: str) -> str:
    """The page with its tables replaced. Raises ValueError where the markers are missing."""
    return page[: page.index(BEGIN) + len(BEGIN)] + text + page[page.index(END) :]


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8"), tables()), "utf-8")
