"""The engine: events, equality in exact numerics, cancelling, grouping, and what it refuses."""

import gc
import weakref

import numpy as np
import pytest
import torch

from engine.recipes import draw, pixels, recipe
from mezzotint.engine.engine import Engine, grouped
from mezzotint.values.errors import BadValue
from mezzotint.values.events import Drawn, Prepared, Stepped
from mezzotint.values.names import SAMPLERS, SPACINGS


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


def test_a_run_tells_its_steps_in_order(engine):
    events = list(engine.run(recipe(steps=3)))
    assert events[0] == Prepared(1, 3, "toy")
    assert [event.step for event in events[1:4]] == [1, 2, 3]
    assert all(isinstance(event, Stepped) and event.steps == 3 and event.seconds > 0 for event in events[1:4])
    assert events[1].sigma > events[2].sigma > events[3].sigma == 0
    assert isinstance(events[4], Drawn)
    assert len(events) == 5


def test_a_picture_has_its_size_recipe_and_facts(engine):
    wanted = recipe(width=48, height=32)
    picture = draw(engine, wanted)
    assert picture.image.size == (48, 32)
    assert picture.image.mode == "RGB"
    assert picture.recipe == wanted
    assert picture.facts.threads == 1
    assert picture.facts.torch_version == torch.__version__
    assert len(picture.facts.model_digest) == 64


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_exact_bits_do_not_depend_on_batch_position_or_neighbours(engine, sampler):
    recipes = [recipe(f"prompt {i}", seed=100 + i, sampler=sampler) for i in range(4)]
    alone = [pixels(engine, [r])[0] for r in recipes]
    assert len(set(alone)) == 4
    assert pixels(engine, recipes) == alone
    assert pixels(engine, recipes[:2]) == alone[:2]
    assert pixels(engine, recipes[::-1]) == alone[::-1]


def test_exact_bits_do_not_depend_on_the_engine():
    wanted = recipe()
    assert pixels(Engine("cpu", 1), [wanted]) == pixels(Engine("cpu", 1, batch=2), [wanted])


def test_fast_batches_are_close_to_exact_and_share_their_steps(engine):
    recipes = [recipe(f"prompt {i}", seed=i, numerics="fast") for i in range(3)]
    events = list(engine.run_batch(recipes))
    assert events[0] == Prepared(3, 2, "toy")
    assert sum(isinstance(event, Stepped) for event in events) == 2
    for event in events[-3:]:
        wanted = recipe(f"prompt {event.index}", seed=event.index)
        exact = np.asarray(draw(engine, wanted).image, dtype=int)
        assert np.abs(np.asarray(event.picture.image, dtype=int) - exact).max() <= 1


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "a green pear"},
        {"seed": 6},
        {"negative": "blue"},
        {"guidance": 1.0},
        {"steps": 3},
        {"clip_skip": 2},
        {"prediction": "velocity"},
        {"spacing": "karras"},
        {"sampler": "ddim", "eta": 1.0},
        {"precision": "bfloat16"},
        {"noise": "nv"},
        {"noise": "comfy", "noise_index": 1},
        {"sampler": "euler_a", "ensd": 1},
        {"variation_strength": 0.1, "variation_seed": 9},
        {"seed_resize": "64x64"},
    ],
    ids=str,
)
def test_everything_in_a_recipe_changes_the_picture(engine, other):
    words = dict(other)
    changed = recipe(words.pop("prompt", "a red apple"), **words)
    same = {"sampler": words["sampler"]} if "ensd" in words else {}
    assert pixels(engine, [changed]) != pixels(engine, [recipe(**same)])


# Every pair is walked in tests/diffusion; here each name is drawn with at least once.
@pytest.mark.parametrize(("sampler", "spacing"), list(zip(SAMPLERS, SPACINGS * 2, strict=False)))
def test_every_sampler_and_every_spacing_draw(engine, sampler, spacing):
    picture = draw(engine, recipe(sampler=sampler, spacing=spacing, steps=4))
    assert np.asarray(picture.image).std() > 1


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_is_near_float32(engine, precision):
    image = np.asarray(draw(engine, recipe(precision=precision)).image, dtype=float)
    truth = np.asarray(draw(engine, recipe()).image, dtype=float)
    assert np.abs(image - truth).mean() < 4


def test_stopping_early_frees_the_run(engine):
    run = engine.run(recipe(steps=50))
    next(run)
    next(run)
    watched = weakref.ref(run)
    run.close()
    del run
    gc.collect()
    assert watched() is None
    assert torch.get_num_threads() >= 1
    assert not torch.is_inference_mode_enabled()


def test_between_steps_the_caller_is_in_its_own_mode():
    threads = torch.get_num_threads()
    for _ in Engine("cpu", threads + 1).run(recipe()):
        assert not torch.is_inference_mode_enabled()
        assert torch.get_num_threads() == threads


def test_groups_hold_what_can_be_drawn_together():
    fast = {"numerics": "fast"}
    recipes = [recipe("a", **fast), recipe("b"), recipe("c", seed=9, **fast), recipe("d", steps=3, **fast)]
    recipes += [recipe("e", **fast), recipe("f")]
    assert grouped(recipes, batch=2) == [(0, 2), (4,), (1,), (5,), (3,)]
    assert grouped([], batch=2) == []


def test_pictures_of_several_noises_share_a_batch():
    ways = [{}, {"noise": "nv"}, {"noise": "comfy", "noise_index": 3}, {"variation_strength": 0.5}]
    assert grouped([recipe(numerics="fast", **way) for way in ways], batch=8) == [(0, 1, 2, 3)]


def test_recipes_of_one_model_lie_next_to_each_other():
    other = {"prediction": "velocity"}
    recipes = [recipe("a"), recipe("b", **other), recipe("c", steps=3), recipe("d", steps=3, **other)]
    assert grouped(recipes, batch=8) == [(0,), (2,), (1,), (3,)]


@pytest.mark.parametrize(
    ("wishes", "field"),
    [({"clip_skip": 9}, "clip_skip"), ({"eta": 0.5}, "eta")],
)
def test_what_a_model_or_sampler_cannot_do_is_refused(engine, wishes, field):
    with pytest.raises(BadValue) as caught:
        draw(engine, recipe(**wishes))
    assert caught.value.field == field


def test_tokens_beyond_the_text_encoder_are_counted(engine):
    assert engine.unread(recipe("apple")) == 0
    assert engine.unread(recipe("apple " * 100)) == 0  # another chunk
    unread = [engine.unread(recipe("apple " * count, dialect="plain")) for count in (100, 101, 102)]
    assert 0 < unread[0] < unread[1] < unread[2]
    assert unread[2] - unread[1] == unread[1] - unread[0]


def test_batch_sizes_are_checked():
    with pytest.raises(BadValue, match="batch"):
        Engine("cpu", 1, batch=0)
