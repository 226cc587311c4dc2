"""Samplers against targets whose answer is known, at the ends of the schedule, and as iterators."""

import dataclasses
import gc
import weakref
from functools import cache
from itertools import islice, pairwise

import pytest
import torch
from torch import Tensor

from diffusion.toys import (
    ALONE,
    DETERMINISTIC,
    LOOKING_AHEAD,
    NEARLY,
    OWN_WAY,
    PATH,
    SHAPE,
    bent,
    counted,
    dirac,
    fixed_noise,
    gaussian,
    gaussian_at,
    karras_without_last,
    no_noise,
    normal,
    side_by_side,
    suited,
)
from mezzotint.diffusion.noise import Noise, SeededNoise
from mezzotint.diffusion.path import Path, Rectified
from mezzotint.diffusion.plan import Plan, make_plan
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.samplers.step import Step, Tuning
from mezzotint.diffusion.spacings import SPACINGS
from mezzotint.values import names
from mezzotint.values.sampling import SamplerOptions

EACH = pytest.mark.parametrize("sampler", SAMPLERS)
EACH_DETERMINISTIC = pytest.mark.parametrize("sampler", DETERMINISTIC)


def run(sampler: str, plan: Plan, x: Tensor, noise: Noise | None = None, denoise=bent) -> list[Step]:
    entry = SAMPLERS[sampler]
    return list(entry.sample(suited(sampler, denoise), x, plan, noise or fixed_noise(), entry.tuning))


def begun(plan: Plan, dtype: torch.dtype = torch.float32) -> Tensor:
    return PATH.begin(normal(dtype=dtype), plan.levels[0])


def test_registry_is_frozen_and_has_the_names_that_users_see() -> None:
    assert set(SAMPLERS) == set(names.SAMPLERS)
    fields = {field.name for field in dataclasses.fields(Tuning)}
    assert fields == {"eta", *SamplerOptions.model_fields}
    assert all(entry.takes <= fields for entry in SAMPLERS.values())
    with pytest.raises(TypeError):
        SAMPLERS["euler"] = SAMPLERS["ddim"]  # type: ignore[index]


@EACH_DETERMINISTIC
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_one_known_picture_is_found_along_a_straight_line(sampler: str, steps: int) -> None:
    plan = make_plan(PATH, "karras", steps)
    target, x = normal(seed=4, dtype=torch.float64), begun(plan, torch.float64)
    direction = (x - target) / plan.levels[0].sigma
    for step in run(sampler, plan, x, no_noise, dirac(target)):
        assert float((step.x - target - step.level.sigma * direction).abs().max()) < 1e-11
        assert torch.equal(step.clean, target)


@pytest.mark.parametrize(("sampler", "order"), [("ddim", 1), ("euler", 1), ("plms", 2), ("dpmpp_2m", 2)])
@pytest.mark.parametrize("deviation", [0.5, 1.0])
def test_order_of_convergence(sampler: str, order: int, deviation: float) -> None:
    """Twice the steps divide the error by 2^order, to a tenth of an order."""
    errors = []
    for steps in (80, 160, 320):
        plan = karras_without_last(steps)
        x = begun(plan, torch.float64)
        exact = gaussian_at(x, 0.3, deviation, plan.levels[0].sigma, plan.levels[-1].sigma)
        found = run(sampler, plan, x, no_noise, gaussian(0.3, deviation))[-1].x
        errors.append(float((found - exact).abs().max()))
    assert errors[0] < 0.1
    for coarse, fine in pairwise(errors):
        assert torch.tensor(coarse / fine).log2().item() == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(("sampler", "eta"), [("ddim", 0.0), ("ddim", 0.5), ("ddim", 1.0), ("euler_a", 1.0)])
def test_renewed_noise_keeps_the_spread_of_the_data(sampler: str, eta: float) -> None:
    shape = (64, 4, 16, 16)
    plan = make_plan(PATH, "karras", 100)
    noise = SeededNoise(range(64), shape[1:])
    x = PATH.begin(noise.initial(), plan.levels[0])
    *_, last = SAMPLERS[sampler].sample(gaussian(0.3, 0.5), x, plan, noise, Tuning(eta))
    assert float(last.x.mean()) == pytest.approx(0.3, abs=0.02)
    assert float(last.x.std()) == pytest.approx(0.5, rel=0.04)


PLANS = [("leading", 100), *((spacing, steps) for spacing in SPACINGS for steps in (1, 2, 4, 6))]


@EACH
def test_no_nan_at_either_end_and_the_last_x_is_clean(sampler: str) -> None:
    for spacing, steps in PLANS:
        check_walk(sampler, spacing, steps)


def check_walk(sampler: str, spacing: str, steps: int) -> None:
    plan = make_plan(PATH, spacing, steps)
    found = run(sampler, plan, begun(plan))
    assert [step.index for step in found] == list(range(1, steps + 1))
    assert [step.level.step for step in found] == [level.step for level in plan.levels[1:]]
    assert all(bool(step.x.isfinite().all() and step.clean.isfinite().all()) for step in found)
    assert all(step.x.shape == SHAPE and step.x.dtype == torch.float32 for step in found)
    if sampler not in NEARLY:
        assert torch.equal(found[-1].x, found[-1].clean)


@cache
def thousand_steps() -> Plan:
    return make_plan(PATH, "leading", 1000)


@EACH
def test_all_thousand_steps(sampler: str) -> None:
    plan = thousand_steps()
    assert bool(run(sampler, plan, begun(plan))[-1].x.isfinite().all())


@EACH
def test_calls(sampler: str) -> None:
    """The first call of a step is at its level; as many more as the entry says, at most, lie below it."""
    for steps in (1, 2, 6):
        plan = make_plan(PATH, "trailing", steps)
        denoise, calls = counted(bent)
        run(sampler, plan, begun(plan), denoise=denoise)
        first = [level for level in calls if level.call == 0]
        if sampler in OWN_WAY:
            assert sampler == "dpm_adaptive" or {a.step for a in first} == set(range(steps))
            continue
        assert [(a.step, a.sigma) for a in first] == [(a.step, a.sigma) for a in plan.levels[:-1]]
        for step in range(steps):
            own = [level for level in calls if level.step == step]
            assert [level.call for level in own] == list(range(len(own)))
            assert len(own) <= SAMPLERS[sampler].calls
            assert all(0 < a.sigma <= plan.levels[step].sigma for a in own[1:])
        doubled = SAMPLERS[sampler].calls == 2 and steps > 1
        assert any(level.call == 1 for level in calls) == doubled


@EACH
def test_steps_are_taken_as_they_are_asked_for_and_can_be_abandoned(sampler: str) -> None:
    plan = make_plan(PATH, "leading", 10)
    denoise, calls = counted(bent)
    x = begun(plan)
    entry = SAMPLERS[sampler]
    steps = entry.sample(suited(sampler, denoise), x, plan, fixed_noise(), entry.tuning)
    assert calls == []
    (first,) = islice(steps, 1)
    assert {level.step for level in calls} == {0}
    kept = weakref.ref(first.x)
    del first, steps
    gc.collect()
    assert kept() is None


@EACH
def test_nothing_given_is_changed(sampler: str) -> None:
    plan = make_plan(PATH, "leading", 4)
    x = begun(plan)
    before, sigmas = x.clone(), [level.sigma.clone() for level in plan.levels]
    states = [step.x for step in run(sampler, plan, x)]
    copies = [state.clone() for state in states]
    run(sampler, plan, states[-1])
    assert torch.equal(x, before)
    assert all(torch.equal(a, b) for a, b in zip(states, copies, strict=True))
    assert all(torch.equal(level.sigma, s) for level, s in zip(plan.levels, sigmas, strict=True))


@pytest.mark.parametrize("sampler", sorted(set(SAMPLERS) - set(OWN_WAY)))
def test_images_of_different_plans_share_a_batch(sampler: str) -> None:
    """Levels of `(B, 1, 1, 1)` give each image, to the bit, what it gets alone."""
    plans = [make_plan(PATH, spacing, 6) for spacing in ("leading", "karras", "linspace")]
    together = side_by_side(plans)
    x = begun(together)
    noise = SeededNoise([1, 2, 3], SHAPE[1:])
    found = run(sampler, together, x, noise)
    assert all(step.x.dtype == torch.float32 for step in found)
    for i, plan in enumerate(plans):
        alone = run(sampler, plan, x[i : i + 1], SeededNoise([i + 1], SHAPE[1:]))
        for a, b in zip(alone, found, strict=True):
            assert torch.equal(a.x[0], b.x[i])


@EACH
def test_a_part_starts_anew_and_a_whole_is_its_parts_where_there_is_no_history(sampler: str) -> None:
    plan = make_plan(PATH, "leading", 6)
    noise = fixed_noise()
    half = run(sampler, plan.cut(0, 3), begun(plan), noise)
    rest = run(sampler, plan.cut(3, 6), half[-1].x, noise)
    whole = run(sampler, plan, begun(plan))
    assert [step.index for step in half + rest] == [1, 2, 3, 1, 2, 3]
    assert torch.equal(half[-1].x, whole[2].x) or sampler in LOOKING_AHEAD
    assert torch.equal(rest[-1].x, whole[-1].x) == (sampler in ALONE) or sampler == "restart"


def test_ddim_spans_euler_and_its_ancestral_form() -> None:
    plan = make_plan(PATH, "leading", 8)
    x = begun(plan)

    def last(sampler: str, eta: float) -> Tensor:
        *_, step = SAMPLERS[sampler].sample(bent, x, plan, fixed_noise(), Tuning(eta))
        return step.x

    assert torch.allclose(last("ddim", 0.0), last("euler", 0.0), atol=1e-6)
    assert torch.equal(last("ddim", 1.0), last("euler_a", 1.0))
    assert not torch.allclose(last("ddim", 0.5), last("ddim", 1.0), atol=1e-2)


def test_adaptive_steps_find_the_exact_solution_image_by_image() -> None:
    plan = make_plan(PATH, "karras", 5)
    x = begun(plan, torch.float64) * torch.tensor([1.0, 0.1, 3.0], dtype=torch.float64).reshape(3, 1, 1, 1)
    exact = gaussian_at(x, 0.3, 0.5, plan.levels[0].sigma, plan.levels[-1].sigma)
    tuning = SAMPLERS["dpm_adaptive"].tuned({"tolerance": 0.001})
    sample = SAMPLERS["dpm_adaptive"].sample
    found = list(sample(gaussian(0.3, 0.5), x, plan, no_noise, tuning))
    assert [step.index for step in found] == [1, 2, 3, 4, 5]
    assert float((found[-1].x - exact).abs().max()) < 0.05
    for i in range(3):
        *_, alone = sample(gaussian(0.3, 0.5), x[i : i + 1], plan, no_noise, tuning)
        assert torch.equal(alone.x[0], found[-1].x[i])


def test_adaptive_steps_end_even_when_the_answers_are_no_numbers() -> None:
    plan = make_plan(PATH, "karras", 3)
    found = run("dpm_adaptive", plan, begun(plan), denoise=lambda x, level: x * float("nan"))
    assert len(found) == 3


def test_restarts_add_calls_and_change_the_picture() -> None:
    plan = make_plan(PATH, "karras", 12)
    counts, states = [], []
    for restarts in (0, 1, 2):
        denoise, calls = counted(bent)
        tuning = SAMPLERS["restart"].tuned({"restarts": restarts})
        *_, last = SAMPLERS["restart"].sample(denoise, begun(plan), plan, fixed_noise(), tuning)
        counts.append(len(calls))
        states.append(last.x)
    assert counts[0] == 23 and counts[1] > counts[0]
    assert counts[2] - counts[1] == counts[1] - counts[0]
    assert torch.equal(states[0], run("heun", plan, begun(plan))[-1].x)
    assert not torch.allclose(states[0], states[1], atol=1e-3)


def test_cfg_plus_plus_takes_the_noise_of_the_free_answer() -> None:
    """One step by hand: x' = guided + sigma' (x - free) / sigma."""
    plan = make_plan(PATH, "karras", 4)
    x, guided, free = begun(plan), normal(seed=5), normal(seed=6)
    here, there = plan.levels[:2]
    wanted = guided + float(there.sigma / here.sigma) * (x - free)
    for sampler in ("euler_cfg_pp", "dpmpp_2m_cfg_pp"):
        step = next(
            iter(
                SAMPLERS[sampler].sample(
                    lambda x, a: torch.stack([guided, free]), x, plan, no_noise, Tuning()
                )
            )
        )
        assert torch.allclose(step.x, wanted, atol=1e-5)


@pytest.mark.parametrize(("pair", "alone"), [("euler_cfg_pp", "euler"), ("dpmpp_2m_cfg_pp", "dpmpp_2m")])
def test_cfg_plus_plus_without_guidance_is_the_plain_sampler(pair: str, alone: str) -> None:
    plan = make_plan(PATH, "karras", 6)
    assert torch.allclose(run(pair, plan, begun(plan))[-1].x, run(alone, plan, begun(plan))[-1].x, atol=1e-6)


@pytest.mark.parametrize(
    ("sampler", "settings"),
    [
        ("heun", {"s_churn": 5.0}),
        ("euler", {"s_churn": 5.0, "s_tmin": 0.1, "s_tmax": 5.0}),
        ("dpm2", {"s_churn": 5.0}),
    ],
)
@pytest.mark.parametrize("path", [PATH, Rectified(3.0)], ids=["diffused", "rectified"])
def test_churn_is_finite_from_all_noise_and_changes_the_walk(
    sampler: str, settings: dict[str, float], path: Path
) -> None:
    plan, entry = make_plan(path, "trailing", 6), SAMPLERS[sampler]
    x = path.begin(normal(), plan.levels[0])
    *_, churned = entry.sample(bent, x, plan, fixed_noise(), entry.tuned(settings))
    *_, calm = entry.sample(bent, x, plan, no_noise, entry.tuning)
    assert bool(churned.x.isfinite().all())
    assert not torch.allclose(churned.x, calm.x, atol=1e-4)


def test_settings_that_a_sampler_does_not_read_are_key_errors() -> None:
    assert SAMPLERS["heun"].tuned({"s_churn": 2.0}).s_churn == 2.0
    assert SAMPLERS["euler"].tuned({"eta": 0.0}) == Tuning()
    with pytest.raises(KeyError, match="eta"):
        SAMPLERS["euler"].tuned({"eta": 0.5})
