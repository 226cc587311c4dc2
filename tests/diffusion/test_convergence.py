"""Every sampler's order on a mixture whose sampling equation is solved exactly, and the spread of the drawn ones."""

import pytest
import torch

import samplers as measured
from diffusion.toys import PATH
from mezzotint.diffusion.brownian import BrownianNoise
from mezzotint.diffusion.noise import SeededNoise
from mezzotint.diffusion.path import Level, Path, Rectified
from mezzotint.diffusion.plan import make_plan
from mezzotint.diffusion.samplers.registry import SAMPLERS

ORDERED = [name for name, entry in SAMPLERS.items() if entry.order is not None]
DRAWN = [
    name for name, entry in SAMPLERS.items() if entry.tuning.eta == 1 and name != "lcm" and not entry.pair
]


@pytest.mark.parametrize("path", measured.PATHS)
@pytest.mark.parametrize("sampler", ORDERED)
def test_order(sampler: str, path: str) -> None:
    """At least what the entry says, to 0.15; multistep methods show the first steps' lower order only at many more."""
    order = SAMPLERS[sampler].order
    assert order is not None
    found = measured.measured_order(sampler, measured.PATHS[path], 40)
    assert order - 0.15 <= found <= order + 2.2


def test_the_transport_is_that_of_the_equation() -> None:
    """A fine walk arrives at it."""
    path = measured.PATHS["diffused"]
    assert measured.error("heun", path, 640) < 2e-5 < measured.error("heun", path, 80)


def test_the_tables_name_every_sampler_that_has_an_order_and_its_theory() -> None:
    page = measured.PAGE.read_text("utf-8")
    for name in ORDERED:
        entry = SAMPLERS[name]
        assert page.count(f"| `{name}` | {entry.calls} | {entry.order} |") == 2, name


@pytest.mark.parametrize("sampler", ["euler", "heun", "unipc"])
def test_the_tables_are_fresh(sampler: str) -> None:
    page = measured.PAGE.read_text("utf-8")
    for path in measured.PATHS.values():
        found = " | ".join(f"{measured.error(sampler, path, count):.1e}" for count in measured.COUNTS)
        assert f"{found} |" in page


@pytest.mark.slow
def test_all_of_the_tables_are_fresh() -> None:
    page = measured.PAGE.read_text("utf-8")
    assert measured.with_tables(page, measured.tables()) == page


@pytest.mark.parametrize("path", [PATH, Rectified(3.0)], ids=["diffused", "rectified"])
@pytest.mark.parametrize("sampler", DRAWN)
def test_drawn_noise_keeps_mean_and_spread(sampler: str, path: Path) -> None:
    """16,384 numbers: the mean of that many is known to 0.5 / 128, the spread to that over the root of 2."""
    shape, seeds, entry = (4, 16, 16), range(16), SAMPLERS[sampler]
    start = SeededNoise(seeds, shape)
    noise = BrownianNoise(seeds, shape) if entry.brownian else start

    def normal(x: torch.Tensor, level: Level) -> torch.Tensor:
        a, s = level.alpha.to(x), level.sigma.to(x)
        return 0.3 + a * 0.25 / (a**2 * 0.25 + s**2) * (x - a * 0.3)

    plan = make_plan(path, "karras", 60)
    *_, last = entry.sample(normal, path.begin(start.initial(), plan.levels[0]), plan, noise, entry.tuning)
    sure = 0.5 / 128
    assert float(last.x.mean()) == pytest.approx(0.3, abs=5 * sure)
    assert float(last.x.std()) == pytest.approx(0.5, abs=5 * sure + 0.02)
