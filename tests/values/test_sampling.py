"""Sampler options, lists of sigmas, and the names that other programs have for samplers and spacings."""

import pytest

from mezzotint.values import names
from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.infotext import options, parse, render
from mezzotint.values.options import assemble, flatten
from mezzotint.values.recipe import Pass
from mezzotint.values.sampler_names import (
    SAMPLER_TITLES,
    SPACING_TITLES,
    sampler_called,
    spacing_called,
)
from mezzotint.values.sampling import MAX_SIGMAS, SamplerOptions
from values.samples import PLAIN

FAMILY = {"sampler": "euler", "spacing": "leading", "steps": 20, "guidance": 7.5, "width": 64, "height": 64}


def test_only_what_is_set_is_given() -> None:
    assert SamplerOptions().given() == {}
    assert SamplerOptions(s_churn=0.0, order=3).given() == {"s_churn": 0.0, "order": 3}
    assert str(SamplerOptions(s_noise=-0.0).s_noise) == "0.0"


@pytest.mark.parametrize(
    ("sigmas", "text"),
    [
        ((), "has 0 entries"),
        ((1.0,) * (MAX_SIGMAS + 1), "has 1001 entries"),
        ((1.0, 1.0), "1 does not lie between"),
        ((1.0, 2.0), "2 does not lie between"),
        ((1.0, 0.0), "0 does not lie between"),
        ((-1.0,), "-1 does not lie between"),
        ((1e7,), r"1e\+07 does not lie between"),
        ((float("inf"),), "finite"),
        ((float("nan"), 1.0), "finite"),
    ],
)
def test_a_list_of_sigmas_falls_above_0(sigmas: tuple[float, ...], text: str) -> None:
    with pytest.raises(BadValue, match=text) as caught:
        Pass(sampler="euler", spacing="karras", steps=max(1, len(sigmas)), sigmas=sigmas)
    assert caught.value.field == "sigmas"


def test_a_list_of_sigmas_says_how_many_steps_there_are() -> None:
    recipe = assemble({"prompt": "x", "seed": 1, "sigmas": [9.0, 2, 0.5]}, FAMILY)
    assert recipe.passes[0].steps == 3 and recipe.passes[0].sigmas == (9.0, 2.0, 0.5)
    assert "Schedule type" not in render(recipe)
    with pytest.raises(BadValue, match="steps: is 4, but there are 3 sigmas"):
        assemble({"prompt": "x", "seed": 1, "steps": 4, "sigmas": [9.0, 2.0, 0.5]}, FAMILY)
    longest = [2000.0 - i for i in range(MAX_SIGMAS)]
    assert assemble({"prompt": "x", "seed": 1, "sigmas": longest}, FAMILY).passes[0].steps == MAX_SIGMAS


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Euler a", "euler_a"),
        ("DPM++ 2M", "dpmpp_2m"),
        ("dpm++ 2s a", "dpmpp_2s_a"),
        ("dpm_2_ancestral", "dpm2_a"),
        ("EulerDiscreteScheduler", "euler"),
        ("heun", "heun"),
        ("Heunish", None),
        ("", None),
    ],
)
def test_samplers_of_other_programs(name: str, ours: str | None) -> None:
    assert sampler_called(name) == ours


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Karras", "karras"),
        ("SGM Uniform", "sgm_uniform"),
        ("sgm_uniform", "sgm_uniform"),
        ("Normal", "linspace"),
        ("Uniform", "linspace"),
        ("ddim_uniform", "leading"),
        ("Automatic", None),
    ],
)
def test_spacings_of_other_programs(name: str, ours: str | None) -> None:
    assert spacing_called(name) == ours


def test_every_title_means_its_own_name() -> None:
    assert all(sampler_called(title) == name for name, title in SAMPLER_TITLES.items())
    assert all(spacing_called(title) == name for name, title in SPACING_TITLES.items())
    assert all(sampler_called(name) == name for name in names.SAMPLERS)
    assert len({title.lower() for title in SAMPLER_TITLES.values()}) == len(names.SAMPLERS)


@pytest.mark.parametrize("schedule", ["Karras", "Exponential"])
def test_a_schedule_at_the_end_of_the_samplers_name(schedule: str) -> None:
    text = render(PLAIN).replace("Euler a", f"DPM++ 2M {schedule}").replace(", Schedule type: Karras", "")
    assert options(parse(text))["sampler"] == "dpmpp_2m"
    assert options(parse(text))["spacing"] == schedule.lower()


@pytest.mark.parametrize(
    ("kind", "name", "meant"),
    [
        ("spacing", "normal", "linspace"),
        ("spacing", "ddim", "leading"),
        ("spacing", "SGM Uniform", "sgm_uniform"),
        ("sampler", "dpm_2_ancestral", "dpm2_a"),
        ("sampler", "DPM++ 2M", "dpmpp_2m"),
        ("sampler", "eular", "euler"),
    ],
)
def test_an_error_tells_the_name_here_of_what_others_call_otherwise(kind: str, name: str, meant: str) -> None:
    with pytest.raises(UnknownName, match=f"did you mean {meant}"):
        assemble({**flatten(PLAIN), kind: name}, {})
