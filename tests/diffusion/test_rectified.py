"""The rectified path: its table and levels in closed form, FLOW on it, and every sampler from sigma = 1 to 0."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.toys import (
    DETERMINISTIC,
    NEARLY,
    SHAPE,
    STEADY,
    bent,
    dirac,
    fixed_noise,
    no_noise,
    normal,
    suited,
)
from mezzotint.diffusion.denoise import Denoiser, predictor
from mezzotint.diffusion.noise import SeededNoise
from mezzotint.diffusion.objective import loss, weight
from mezzotint.diffusion.path import Level, Path, Rectified, noised
from mezzotint.diffusion.plan import Plan, make_plan
from mezzotint.diffusion.prediction import FLOW, PREDICTIONS
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.samplers.step import Tuning
from mezzotint.diffusion.spacings import SPACINGS

FLOWING = Rectified(3.0)
EACH = pytest.mark.parametrize("sampler", SAMPLERS)
EACH_SPACING = pytest.mark.parametrize("spacing", SPACINGS)


def sigmas(plan: Plan) -> torch.Tensor:
    return torch.stack([level.sigma for level in plan.levels])


@pytest.mark.parametrize("shift", [1.0, 3.0, 0.5])
def test_table_is_that_of_the_closed_form(shift: float) -> None:
    path = Rectified(shift)
    expected = [shift * i / 1000 / (1 + (shift - 1) * i / 1000) for i in range(1, 1001)]
    assert path.sigmas.tolist() == pytest.approx(expected, rel=1e-14)
    assert path.times == 1000 and path.sigmas.dtype == torch.float64
    assert float(path.sigmas[-1]) == 1.0
    assert torch.equal(path.sigma_at(torch.arange(1000)), path.sigmas)
    assert path.sigma_at(torch.tensor([-5.0, 2000.0])).tolist() == path.sigmas[[0, -1]].tolist()


@pytest.mark.parametrize(
    ("shift", "times"), [(0.0, 10), (-1.0, 10), (float("inf"), 10), (float("nan"), 10), (3.0, 1)]
)
def test_impossible_shifts_are_refused(shift: float, times: int) -> None:
    with pytest.raises(ValueError, match="shift"):
        Rectified(shift, times)


@STEADY
@given(st.floats(0, 1), st.integers(0, 5))
def test_levels(sigma: float, step: int) -> None:
    level = FLOWING.level(torch.tensor(sigma), step, 1)
    assert (level.step, level.call) == (step, 1)
    assert level.sigma.dtype == level.alpha.dtype == level.t.dtype == torch.float64
    assert float(level.alpha + level.sigma) == 1
    assert float(level.t) == float(level.sigma) * 1000


def test_training_levels() -> None:
    level = FLOWING.training(torch.tensor([0, 999, 10]))
    assert level.t.shape == level.alpha.shape == level.sigma.shape == (3, 1, 1, 1)
    assert torch.equal(level.sigma.flatten(), FLOWING.sigmas[[0, 999, 10]])
    assert torch.equal(level.t, 1000 * level.sigma)


def test_it_begins_with_the_noise_itself_and_ends_with_the_clean_latent() -> None:
    clean, noise = normal(seed=1), normal(seed=2)
    first, last = (FLOWING.level(torch.tensor(s)) for s in (1.0, 0.0))
    assert torch.equal(FLOWING.begin(noise, first), noise)
    assert torch.equal(noised(clean, noise, first), noise)
    assert torch.equal(noised(clean, noise, last), clean)
    half = FLOWING.level(torch.tensor(0.5))
    assert torch.allclose(noised(clean, noise, half), (clean + noise) / 2)
    assert torch.allclose(FLOWING.begin(noise, half), noise * 0.5**0.5)


@EACH_SPACING
@pytest.mark.parametrize("steps", [1, 2, 3, 28, 999, 1000])
def test_plans_fall_from_within_the_table_to_0(spacing: str, steps: int) -> None:
    plan = make_plan(FLOWING, spacing, steps)
    found = sigmas(plan)
    assert len(plan) == steps and found.dtype == torch.float64
    assert bool((found.diff() < 0).all()) and float(found[-1]) == 0
    assert spacing == "leading" or float(found[0]) == pytest.approx(1, rel=1e-12)
    assert float(found[-2]) >= float(FLOWING.sigmas[0]) * (1 - 1e-12)
    assert plan.levels[-1].t == 0 and plan.levels[-1].alpha == 1


def test_published_sigmas() -> None:
    """Five steps with a shift of 3, by hand: u is 1, 3/4, ... and the last one the shifted 1/1000."""
    least = 3 * 0.001 / 1.002
    u = [1 + i / 4 * (least - 1) for i in range(5)]
    assert sigmas(make_plan(FLOWING, "linspace", 5))[:-1].tolist() == pytest.approx(
        [3 * v / (1 + 2 * v) for v in u], rel=1e-13
    )
    assert sigmas(make_plan(FLOWING, "trailing", 4)).tolist() == pytest.approx(
        [1, 0.9, 0.75, 0.5, 0], rel=1e-13
    )


@STEADY
@given(st.floats(-20, 20), st.floats(-20, 20), st.floats(0, 1))
def test_the_right_output_gives_back_any_clean_value(clean: float, noise: float, sigma: float) -> None:
    level = FLOWING.level(torch.tensor(sigma))
    c, n = torch.tensor(clean, dtype=torch.float64), torch.tensor(noise, dtype=torch.float64)
    x = noised(c, n, level)
    assert float(FLOW.clean(FLOW.target(c, n, level), x, level)) == pytest.approx(clean, abs=1e-11)
    assert FLOW.scale_in(x, level) is x


def test_flow_is_no_choice_for_a_diffused_path() -> None:
    assert FLOW not in PREDICTIONS.values()


def test_the_loss_of_a_network_that_knows_the_truth_is_0() -> None:
    clean = normal((16, 4, 3, 3))

    def oracle(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        sigma = (t / 1000).reshape(-1, 1, 1, 1)
        return (x - clean) / sigma

    def halves(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return oracle(x, t) / 2

    def error(network) -> float:
        return float(loss(network, clean, FLOW, FLOWING, torch.Generator().manual_seed(1)))

    assert error(oracle) < 1e-8
    assert 0.3 < error(halves) < 0.8


def test_min_snr_weight_of_flow() -> None:
    level = FLOWING.level(torch.tensor([0.9, 0.5, 0.01], dtype=torch.float64).reshape(-1, 1, 1, 1))
    snr = ((1 - level.sigma) / level.sigma) ** 2
    assert torch.allclose(weight(level, FLOW, 5.0), snr.clamp(max=5) * level.sigma**2, rtol=1e-12)


def gaussian(mean: float, deviation: float) -> Denoiser:
    """The posterior mean of independent normal data, given alpha clean + sigma noise."""

    def denoise(x: torch.Tensor, level: Level) -> torch.Tensor:
        a, s = level.alpha.to(x), level.sigma.to(x)
        return mean + a * deviation**2 / (a**2 * deviation**2 + s**2) * (x - a * mean)

    return denoise


def exact(x: torch.Tensor, start: Level, end: Level, mean: float, deviation: float) -> torch.Tensor:
    """Where the sampling equation of `gaussian` takes x: the standardised x does not change."""

    def spread(level: Level) -> torch.Tensor:
        return (level.alpha**2 * deviation**2 + level.sigma**2).sqrt()

    return end.alpha * mean + (x - start.alpha * mean) * spread(end) / spread(start)


def walk(sampler: str, path: Path, steps: int, denoise: Denoiser, x: torch.Tensor) -> torch.Tensor:
    plan, entry = make_plan(path, "trailing", steps), SAMPLERS[sampler]
    tuning = Tuning(order=entry.tuning.order)
    *_, last = entry.sample(suited(sampler, denoise), x, plan, no_noise, tuning)
    return last.x


@pytest.mark.parametrize("sampler", DETERMINISTIC)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_one_known_picture_is_found_along_a_straight_line(sampler: str, steps: int) -> None:
    target, noise = normal(seed=4, dtype=torch.float64), normal(dtype=torch.float64)
    for step in SAMPLERS[sampler].sample(
        suited(sampler, dirac(target)), noise, make_plan(FLOWING, "trailing", steps), no_noise, Tuning()
    ):
        assert float((step.x - noised(target, noise, step.level)).abs().max()) < 1e-13


@pytest.mark.parametrize(("sampler", "order"), [("ddim", 1), ("euler", 1), ("plms", 2), ("dpmpp_2m", 2)])
@pytest.mark.parametrize("deviation", [0.5, 1.0])
def test_order_of_convergence(sampler: str, order: int, deviation: float) -> None:
    """Twice the steps divide the error by 2^order; between ends where log(alpha / sigma) is finite."""
    errors: list[float] = []
    for steps in (80, 160, 320):
        even = torch.linspace(0.9, 0.02, steps + 1, dtype=torch.float64)
        table = 3 * even / (1 + 2 * even)
        plan = Plan(FLOWING, tuple(FLOWING.level(s, i) for i, s in enumerate(table)))
        x = normal(dtype=torch.float64)
        *_, last = SAMPLERS[sampler].sample(gaussian(0.3, deviation), x, plan, no_noise, Tuning())
        errors.append(float((last.x - exact(x, plan.levels[0], plan.levels[-1], 0.3, deviation)).abs().max()))
    for coarse, fine in pairwise(errors):
        assert torch.tensor(coarse / fine).log2().item() == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_from_pure_noise_to_the_data(sampler: str) -> None:
    x = normal(dtype=torch.float64)
    ends = FLOWING.level(torch.tensor(1.0)), FLOWING.level(torch.tensor(0.0))
    expected = exact(x, *ends, 0.3, 0.5)
    errors = [
        float((walk(sampler, FLOWING, n, gaussian(0.3, 0.5), x) - expected).abs().max()) for n in (20, 200)
    ]
    assert errors[0] < 0.25 and errors[1] < errors[0] / 8


@pytest.mark.parametrize(("sampler", "eta"), [("ddim", 0.5), ("ddim", 1.0), ("euler_a", 1.0)])
def test_renewed_noise_keeps_the_spread_of_the_data(sampler: str, eta: float) -> None:
    noise = SeededNoise(range(16), (4, 16, 16))
    plan = make_plan(FLOWING, "trailing", 300)
    *_, last = SAMPLERS[sampler].sample(gaussian(0.3, 0.5), noise.initial(), plan, noise, Tuning(eta))
    assert float(last.x.mean()) == pytest.approx(0.3, abs=0.02)
    assert float(last.x.std()) == pytest.approx(0.5, rel=0.04)


@EACH
def test_no_nan_at_either_end(sampler: str) -> None:
    for spacing in SPACINGS:
        for steps in (1, 2, 4, 6):
            must_be_finite(sampler, spacing, steps)


def must_be_finite(sampler: str, spacing: str, steps: int) -> None:
    plan = make_plan(FLOWING, spacing, steps)
    entry = SAMPLERS[sampler]
    flow = predictor(lambda x, t: bent(x, Level(t.reshape(-1, 1, 1, 1), t, t))[None], FLOW)
    x = FLOWING.begin(normal(), plan.levels[0])
    denoise = suited(sampler, lambda x, level: flow(x, level)[0])
    found = list(entry.sample(denoise, x, plan, fixed_noise(), entry.tuning))
    assert len(found) == steps
    assert all(bool(step.x.isfinite().all() and step.clean.isfinite().all()) for step in found)
    assert all(step.x.shape == SHAPE and step.x.dtype == torch.float32 for step in found)
    if sampler not in NEARLY:
        assert torch.equal(found[-1].x, found[-1].clean)
