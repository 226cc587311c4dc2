"""What a pass takes from its recipe and from the pass before, and which steps it walks."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.toys import PATH, STEADY
from engine.recipes import recipe
from mezzotint.diffusion.noise import torch_stream
from mezzotint.diffusion.plan import make_plan
from mezzotint.engine.walk import Walk, first_step, last_step, sized, walks
from mezzotint.values.noise import MAX_SEED
from mezzotint.values.recipe import AdapterUse, InversionUse, ModelUse, Pass, Prompt
from mezzotint.values.source import InitPicture, Source
from mezzotint.values.span import Span

DRAWN = {"sampler": "euler", "spacing": "leading", "steps": 10}


def use(**fields):
    return Pass(**{**DRAWN, **fields})


def several(*further, **changes):
    """A toy recipe with further passes."""
    one = recipe()
    first = use(model=ModelUse(base="toy"))
    passes = (first, *(use(**{"source": Source(), "model": first.model, **fields}) for fields in further))
    return one.model_copy(update={"passes": passes, **changes})


def test_words_and_adapters_of_the_recipe_are_for_its_first_model():
    lora, own = AdapterUse(file="a.safetensors"), AdapterUse(file="b.safetensors")
    word = InversionUse(file="w.safetensors", name="w")
    other = {"model": ModelUse(base="mini")}
    one = several(
        {}, other, {"adapters": ()}, {**other, "adapters": (own,)}, adapters=(lora,), inversions=(word,)
    )
    found = [Walk(one, number, 32, 32) for number in range(5)]
    assert [walk.adapters for walk in found] == [(lora,), (lora,), (), (), (own,)]
    assert [walk.inversions for walk in found] == [(word,), (word,), (), (word,), ()]


def test_a_prompt_of_its_own():
    said = Prompt(text="a boat")
    one = several({}, {"prompt": said})
    assert [Walk(one, number, 8, 8).prompt for number in range(3)] == [one.prompt, one.prompt, said]
    assert [Walk(one, number, 8, 8).source for number in range(2)] == [None, Source()]
    assert walks([one], 2, (16, 24)) == (Walk(one, 2, 16, 24),)


@pytest.mark.parametrize("seed", [0, 5, MAX_SEED - 1, MAX_SEED])
def test_every_pass_of_one_size_has_a_seed_that_noise_can_have(seed):
    one = several({"scale": 2.0}, {}, {}, seed=seed)
    seeds = [Walk(one, number, 8, 8).seed for number in range(4)]
    assert seeds[:2] == [seed, seed]
    assert len(set(seeds)) == 3
    assert all(torch_stream(value)((4,)).isfinite().all() for value in seeds)


@STEADY
@given(st.floats(0.25, 8), st.integers(1, 512), st.integers(1, 512), st.sampled_from([8, 16, 64]))
def test_sizes_are_multiples_and_near(scale, across, down, multiple):
    before = across * 8, down * 8
    made = sized(use(source=Source(), scale=scale), before, multiple)
    for side, was in zip(made, before, strict=True):
        assert side % multiple == 0 < side
        assert abs(side - was * scale) <= multiple / 2 or side == multiple


@STEADY
@given(st.integers(1, 60), st.integers(0, 60))
def test_a_share_that_is_a_whole_number_of_steps_is_that_number(steps, some):
    """Also where steps * (some / steps) is a little less than `some` in binary."""
    some = min(some, steps)
    plan = make_plan(PATH, "leading", steps)
    source = Source(picture=InitPicture(file="a"), strength=some / steps)
    assert first_step(use(source=source, steps=steps), plan) == steps - some
    part = use(span=Span(start=0.0, stop=some / steps), steps=steps)
    assert (first_step(part, plan), last_step(part, plan)) == (0, some)


@STEADY
@given(st.floats(0, 1), st.integers(1, 50), st.sampled_from(["steps", "time"]))
def test_two_parts_of_the_way_are_the_way(share, steps, unit):
    plan = make_plan(PATH, "leading", steps)
    before = use(span=Span(stop=share, unit=unit))
    after = use(source=Source(start="kept"), span=Span(start=share, unit=unit))
    assert first_step(before, plan) == 0
    assert last_step(before, plan) == first_step(after, plan)
    assert last_step(after, plan) == steps


@pytest.mark.parametrize(("share", "steps"), [(0.8, 8), (0.5, 5), (0.75, 7), (0.0, 0), (1.0, 10)])
def test_in_training_time_a_step_belongs_to_who_is_called_in_it(share, steps):
    """Leading times of ten steps: 901, 801, ... 1. At 0.75 the network is called at 301 before 250."""
    plan = make_plan(PATH, "leading", 10)
    times = torch.stack([level.t for level in plan.levels[:-1]])
    assert last_step(use(span=Span(stop=share, unit="time")), plan) == steps
    if 0 < share < 1:
        assert int((times >= 1000 * (1 - share)).sum()) == steps
