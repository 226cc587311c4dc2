"""Plans: their ends, their order, and parts of them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.toys import PATH, STEADY
from mezzotint.diffusion.path import Diffused, scaled_linear
from mezzotint.diffusion.plan import Plan, make_plan
from mezzotint.diffusion.spacings import SPACINGS
from mezzotint.values import names

EACH = pytest.mark.parametrize("spacing", SPACINGS)


def sigmas(plan: Plan) -> torch.Tensor:
    return torch.stack([level.sigma for level in plan.levels])


def times(plan: Plan) -> list[float]:
    return [round(float(level.t), 6) for level in plan.levels[:-1]]


@EACH
@pytest.mark.parametrize("steps", [1, 2, 3, 20, 501, 999, 1000])
def test_levels_fall_from_within_the_table_to_0(spacing: str, steps: int) -> None:
    plan = make_plan(PATH, spacing, steps)
    found = sigmas(plan)
    assert len(plan) == steps
    assert found.shape == (steps + 1,)
    assert found.dtype == torch.float64
    assert bool((found.diff() < 0).all())
    assert float(found[-1]) == 0
    assert float(found[0]) <= float(PATH.sigmas[-1]) * (1 + 1e-12)
    assert float(found[-2]) >= float(PATH.sigmas[0]) * (1 - 1e-12)
    assert [level.step for level in plan.levels] == list(range(steps + 1))


@STEADY
@given(st.integers(2, 30), st.data())
def test_any_model_and_count(table: int, data: st.DataObject) -> None:
    path = Diffused(scaled_linear(0.001, 0.1, table))
    steps = data.draw(st.integers(1, table))
    for spacing in SPACINGS:
        found = sigmas(make_plan(path, spacing, steps))
        assert bool((found.diff() < 0).all()), spacing


def test_published_times() -> None:
    assert times(make_plan(PATH, "leading", 5)) == [801, 601, 401, 201, 1]
    assert times(make_plan(PATH, "trailing", 5)) == [999, 799, 599, 399, 199]
    assert times(make_plan(PATH, "linspace", 5)) == [999, 749.25, 499.5, 249.75, 0]
    assert times(make_plan(PATH, "leading", 1000))[::999] == [999, 0]


@pytest.mark.parametrize("spacing", ["trailing", "linspace", "karras"])
def test_one_step_starts_from_all_noise(spacing: str) -> None:
    assert times(make_plan(PATH, spacing, 1)) == [999]


def test_karras_closed_form() -> None:
    """Karras et al. 2022, equation 5, written out."""
    low, high = (float(s) ** (1 / 7) for s in PATH.sigmas[[0, -1]])
    expected = [(high + i / 9 * (low - high)) ** 7 for i in range(10)]
    assert sigmas(make_plan(PATH, "karras", 10))[:-1].tolist() == pytest.approx(expected, rel=1e-12)


def test_steps_are_numbered_from_1_and_join() -> None:
    plan = make_plan(PATH, "leading", 4)
    found = list(plan.steps())
    assert [index for index, _, _ in found] == [1, 2, 3, 4]
    assert all(found[i][2] is found[i + 1][1] for i in range(3))
    assert (found[0][1], found[-1][2]) == (plan.levels[0], plan.levels[-1])


def test_parts_keep_their_levels() -> None:
    plan = make_plan(PATH, "leading", 10)
    part = plan.cut(3, 7)
    assert len(part) == 4
    assert part.levels == plan.levels[3:8]
    assert [level.step for level in part.levels] == [3, 4, 5, 6, 7]
    assert plan.cut(0, 10).levels == plan.levels
    assert list(plan.cut(10, 10).steps()) == []
    for start, end in ((-1, 3), (4, 3), (0, 11)):
        with pytest.raises(ValueError, match="10 steps"):
            plan.cut(start, end)


def test_a_level_between_two() -> None:
    plan = make_plan(PATH, "linspace", 10)
    level = plan.at(torch.tensor(2.5), step=3, call=1)
    assert (float(level.sigma), level.step, level.call) == (2.5, 3, 1)
    assert float(PATH.sigma_at(level.t)) == pytest.approx(2.5)


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_a_count_that_the_model_cannot_have_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=r"1\.\.1000"):
        make_plan(PATH, "leading", steps)


def test_an_unknown_spacing_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        make_plan(PATH, "unknown", 5)


def test_registry_is_frozen_and_has_the_names_that_users_see() -> None:
    assert set(SPACINGS) == set(names.SPACINGS)
    with pytest.raises(TypeError):
        SPACINGS["leading"] = SPACINGS["karras"]  # type: ignore[index]
