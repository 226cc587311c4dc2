"""Texts of unlike length that steer one picture: drawn apart, filled with empty chunks, or drawn out, as in peers."""

import pytest
import torch

from engine.recipes import Engine, first, pixels, recipe
from mezzotint.engine.stages import encode
from mezzotint.engine.steering import steering
from mezzotint.families.conditions import Asked
from mezzotint.families.registry import find, open_model
from mezzotint.values.recipe import ModelUse

CPU = torch.device("cpu")
LONG = "word " * 40
PROMPT, NEGATIVE = ("positive", "negative")


@pytest.fixture(scope="module")
def toy():
    with torch.no_grad():
        yield open_model(find(ModelUse(base="toy")))


def rows(model, *recipes):
    """The conditionings of the recipes by the names of their texts, at the first step."""
    with torch.no_grad():
        return encode(model, [first(one) for one in recipes], (PROMPT, NEGATIVE), CPU).stretches[0]


def tokens(model, *recipes):
    return {name: [one.tokens for one in row] for name, row in rows(model, *recipes).items()}


def empty(model):
    with torch.no_grad():
        return model.conditioning(Asked("", 64, 64), None, CPU).tokens


def test_unlike_lengths_are_calls_of_their_own_unless_asked(toy):
    apart = tokens(toy, recipe(LONG, negative="bad"))
    assert [row[0].shape[1] for row in apart.values()] == [231, 77]
    steered = steering([first(recipe(LONG, negative="bad", pad="yes"))], (PROMPT, NEGATIVE), plainly(toy))
    (batch,) = steered.batches(0, (PROMPT, NEGATIVE))
    assert batch.conditioning.tokens.shape[:2] == (2, 231)


def plainly(model):
    return lambda asked, clip_skip: model.conditioning(asked, clip_skip, CPU)


@pytest.mark.parametrize(("dialect", "pad", "filled"), [
    ("a1111", None, False), ("a1111", "yes", True), ("comfy", None, False), ("comfy", "yes", True),
    ("compel", None, True), ("compel", "no", False),
])  # fmt: skip
@pytest.mark.parametrize("longer", ["prompt", "negative"])
def test_the_shorter_text_is_filled_with_empty_chunks(toy, dialect, pad, filled, longer):
    said = {"prompt": "a red cat", "negative": "bad"} | {longer: LONG}
    short = NEGATIVE if longer == "prompt" else PROMPT
    alone = tokens(toy, recipe(**{**said, longer: "x"}, dialect=dialect))[short][0]
    row = tokens(toy, recipe(**said, dialect=dialect, pad=pad))[short][0]
    if filled:
        assert torch.equal(row, torch.cat([alone, *[empty(toy)] * (row.shape[1] // 77 - 1)], dim=1))
    assert (row.shape[1] > 77) == filled


def test_texts_of_other_pictures_do_not_matter(toy):
    one, other = recipe("a red cat", negative="bad", pad="yes"), recipe(LONG, negative="bad", pad="yes")
    together, alone = tokens(toy, one, other), tokens(toy, one)
    assert all(torch.equal(together[name][0], alone[name][0]) for name in alone)


def test_texts_between_ands_are_drawn_out_by_their_last_token(toy):
    short = tokens(toy, recipe("a red cat"))[PROMPT][0]
    found = tokens(toy, recipe(f"a red cat AND {LONG}", negative="bad"))
    one = found[f"{PROMPT} 0"][0]
    assert one.shape[1] == found[f"{PROMPT} 1"][0].shape[1] == 231
    assert torch.equal(one, torch.cat([short, short[:, -1:].expand(-1, 154, -1)], dim=1))
    assert found[NEGATIVE][0].shape[1] == 77
    padded = tokens(toy, recipe(f"a red cat AND {LONG}", negative="bad", pad="yes"))
    assert {row[0].shape[1] for row in padded.values()} == {231}


def test_filling_changes_the_picture_and_stays_exact():
    engine = Engine("cpu", 1)
    asked = [recipe(LONG, negative="bad", steps=2, pad=pad) for pad in (None, "yes", "no")]
    plain, filled, apart = pixels(engine, asked)
    assert plain == apart
    assert filled != plain
    assert pixels(engine, [asked[1]]) == [filled]
