"""The Recipe: equality, JSON both ways, and one readable line for everything that is wrong."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from mezzotint.values.errors import BadValue, MezzotintError, UnknownName
from mezzotint.values.guides import KINDS, Cfg
from mezzotint.values.names import SAMPLERS, SPACINGS
from mezzotint.values.noise import MAX_SEED
from mezzotint.values.recipe import ModelUse, Numerics, Pass, Prompt, Recipe
from mezzotint.values.source import Mask, Source
from mezzotint.values.span import Span
from values.samples import PLAIN, recipes

JSON = PLAIN.to_json()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(recipes())
def test_json_round_trip(recipe: Recipe) -> None:
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert hash(again) == hash(recipe)
    assert again.to_json() == recipe.to_json()
    assert again.digest() == recipe.digest()


def test_canonical_json_is_pinned() -> None:
    assert JSON == (
        '{"adapters":[],"height":96,"inversions":[],"noise":{"batch":1,"ensd":0,"gpu":null,'
        '"index":0,"kind":"cpu","resize_from":null,"variation_seed":0,"variation_strength":0.0},'
        '"numerics":{"mode":"exact","precision":"float32"},"passes":[{"adapters":null,"controls":[],"eta":null,'
        '"guides":[{"kind":"cfg","scale":7.5}],"image_prompts":[],"model":{"base":"mini","parts":[],"prediction":null,"sha256":null,'
        '"zero_snr":null},'
        '"options":{"order":null,"restart_from":null,"restart_to":null,"restarts":null,"s_churn":null,"s_noise":null,"s_tmax":null,'
        '"s_tmin":null,"tolerance":null},"prompt":null,"rho":null,"sampler":"euler_a","scale":1.0,"shift":null,'
        '"sigmas":null,"source":null,"spacing":"karras","span":{"start":0.0,"stop":1.0,"unit":"steps"},"steps":20,'
        '"tiling":{"decode_tile":null,"overlap":null,"seamless":null,"tile":null,"window":null}}],'
        '"prompt":{"clip_skip":null,"dialect":"plain","emphasis":null,"negative":"dog","pad":null,"regions":[],"source":null,'
        '"text":"a cat, sitting"},"seed":42,"version":1,"width":64}'
    )


def test_the_digest_is_of_what_a_recipe_says() -> None:
    said = (
        '{"height":96,"passes":[{"guides":[{"kind":"cfg","scale":7.5}],"sampler":"euler_a","spacing":"karras",'
        '"steps":20}],"prompt":{"negative":"dog","text":"a cat, sitting"},"seed":42,"width":64}'
    )
    assert PLAIN.digest() == hashlib.sha256(said.encode()).hexdigest()
    assert Recipe.from_json(said) == PLAIN


@settings(max_examples=100, deadline=None, derandomize=True)
@given(recipes(), recipes())
def test_different_recipes_have_different_digests(one: Recipe, other: Recipe) -> None:
    assert Recipe.model_validate_json(json.dumps(one.stated())) == one
    assert (one.digest() == other.digest()) == (one == other)


@pytest.mark.parametrize("seed", [0, 2**53 - 1, 2**53, 2**53 + 1, 2**63, MAX_SEED])
def test_seeds_survive_readers_that_hold_numbers_as_doubles(seed: int) -> None:
    recipe = PLAIN.model_copy(update={"seed": seed})
    through_doubles = json.dumps(json.loads(recipe.to_json(), parse_int=lambda text: int(float(text))))
    assert Recipe.from_json(through_doubles) == recipe
    assert Recipe.from_json(JSON.replace('"seed":42', f'"seed":{seed}')) == recipe


def test_equal_values_have_equal_json() -> None:
    assert Cfg(scale=-0.0).model_dump_json() == Cfg(scale=0).model_dump_json()
    assert Recipe.from_json(JSON.replace("7.5", "7")) == Recipe.from_json(JSON.replace("7.5", "7.0"))


def test_recipes_are_frozen_and_hashable() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PLAIN.seed = 3  # pyright: ignore[reportAttributeAccessIssue]
    assert len({PLAIN, PLAIN.model_copy(), PLAIN.model_copy(update={"seed": 43})}) == 2


def test_copies_are_validated() -> None:
    with pytest.raises(BadValue, match="seed"):
        PLAIN.model_copy(update={"seed": -1})


def test_lists_are_taken_for_tuples() -> None:
    guides: Any = [Cfg(scale=7.5)]
    assert Pass(sampler="euler", spacing="leading", steps=1, guides=guides).guides == (Cfg(scale=7.5),)


SPOILED = [
    ('"steps":20', '"steps":0', "steps: 0 is out of range; use 1 to 1000"),
    ('"steps":20', '"steps":1000000', "steps: 1000000 is out of range; use 1 to 1000"),
    ('"steps":20', '"steps":20.0', "steps: must be a whole number, not 20.0; use 1 to 1000"),
    ('"steps":20', '"steps":"20"', "steps: must be a whole number, not '20'; use 1 to 1000"),
    ('"steps":20', '"steps":true', "steps: must be a whole number, not True; use 1 to 1000"),
    ('"steps":20', '"step":20', "steps: is missing; give a value for it"),
    ('"steps":20', '"steps":20,"x":1', "x: is not a known field; known: "
     "model, source, scale, span, prompt, adapters, sampler, eta, options, spacing, rho, shift, sigmas, steps, guides, "
     "controls, image_prompts, tiling"),
    ('"steps":20', '"steps":20,"steps":21', "recipe: has the key 'steps' twice; keep one of them"),
    ("7.5", "NaN", "recipe: holds NaN, which is not a finite number; use a finite number"),
    ("7.5", "-Infinity", "recipe: holds -Infinity, which is not a finite number; use a finite number"),
    ("7.5", "1e999", "guidance: must be a finite number; use 0 to 100"),
    ("7.5", "101", "guidance: 101 is out of range; use 0 to 100"),
    ("7.5", '"7"', "guidance: must be a number, not '7'; use 0 to 100"),
    ("7.5", "true", "guidance: must be a number, not True; use 0 to 100"),
    ('"kind":"cfg"', '"kind":"resale"', "unknown guide 'resale'; did you mean rescale? "
     "known: " + ", ".join(KINDS)),
    ('"kind":"cfg"', '"kind":5', "unknown guide '5'; known: " + ", ".join(KINDS)),
    ('"kind":"cpu"', '"kind":"gpu"', "unknown noise 'gpu'; did you mean cpu? known: cpu, nv, comfy, comfy-0.3, invoke"),
    ('"width":64', '"width":513', "width: 513 is not a multiple of 8; use 8 to 4096 in steps of 8"),
    ('"width":64', '"width":-8', "width: -8 is out of range; use 8 to 4096 in steps of 8"),
    ('"width":64', '"width":100000000', "width: 100000000 is out of range; use 8 to 4096 in steps of 8"),
    ('"seed":42', '"seed":-1', "seed: -1 is out of range; use 0 to 18446744073709551615"),
    ('"seed":42', '"seed":18446744073709551616',
     "seed: 18446744073709551616 is out of range; use 0 to 18446744073709551615"),
    ('"seed":42', '"seed":"0x10"', "seed: must be a whole number, not '0x10'; use 0 to 18446744073709551615"),
    ('"seed":42', '"seed":"-1"', "seed: must be a whole number, not '-1'; use 0 to 18446744073709551615"),
    ('"version":1', '"version":2', "version: recipe format 2 is not known here; use a newer version of mezzotint"),
    ('"version":1', '"version":0', "version: recipe format 0 is not known here; use 1"),
    ('"version":1', '"version":true', "version: must be the number 1, not True; use 1"),
    ('"clip_skip":null', '"clip_skip":13', "clip_skip: 13 is out of range; use 1 to 12"),
    ('"clip_skip":null', '"clip_skip":"2"', "clip_skip: must be a whole number, not '2'; use 1 to 12"),
    ("a cat, sitting", "\\ud800", "prompt: holds half a surrogate pair; remove the broken character"),
    ("a cat, sitting", "\ud800", "prompt: holds half a surrogate pair; remove the broken character"),
    ("a cat, sitting", "a\\u0000b", "prompt: holds a NUL character; remove it"),
    ('"dog"', '"\\u0000"', "negative: holds a NUL character; remove it"),
    ('"dog"', "5", "negative: must be text, not 5; put it in quotes"),
    ("a cat, sitting", "x" * 32769, "prompt: has 32769 characters, at most 32768 are allowed; shorten it"),
    ('"base":"mini"', '"base":""', "model: is empty; give a value for it"),
    ('"sha256":null', '"sha256":"AB"', "sha256: 'AB' has the wrong form; use 64 lower-case hexadecimal digits"),
    ('"euler_a"', '"Euler A "',
     "unknown sampler 'Euler A '; did you mean euler_a? known: " + ", ".join(SAMPLERS)),
    ('"karras"', '"kar\\nras"',
     "unknown spacing 'kar\\nras'; did you mean karras? known: " + ", ".join(SPACINGS)),
    ('"exact"', '"exakt"', "unknown numerics 'exakt'; did you mean exact? known: exact, fast"),
    ('"guides":[', '"guides":[5,', "cfg: must be an object with fields, not 5; known: kind, scale"),
    ('"guides":[', '"guides":[{"kind":"cfg","scale":1},', "guides: there are two of the kind cfg; keep one of them"),
    ('"guides":[', '"guides":[' + '{"kind":"rescale"},' * 32, "guides: has too many entries; use at most 32"),
    ('"guides":[{"kind":"cfg","scale":7.5}]', '"guides":"cfg"',
     "guides: must be a list, not 'cfg'; use a list of objects"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("good", "bad", "text"), SPOILED, ids=[row[1][:24].encode("ascii", "replace") for row in SPOILED]
)
def test_what_is_wrong_is_said_in_one_line(good: str, bad: str, text: str) -> None:
    assert JSON.count(good) == 1
    with pytest.raises(MezzotintError) as caught:
        Recipe.from_json(JSON.replace(good, bad))
    assert str(caught.value) == text
    assert isinstance(caught.value, BadValue | UnknownName)


HOSTILE = {
    "empty": "",
    "open": "[",
    "deep list": "[" * 100_000,
    "deep object": '{"a":' * 100_000,
    "closed deep list": "[" * 50_000 + "]" * 50_000,
    "number": "5",
    "null": "null",
    "no passes": '{"passes":[],"prompt":{"text":""},"seed":1,"width":8,"height":8}',
    "long": "x" * 5_000_000,
    "long and valid": JSON.replace("a cat", "a cat" + " " * 5_000_000),
    "many digits": JSON.replace('"seed":42', '"seed":' + "9" * 100_000),
    "long key": JSON.replace('"steps"', '"' + "s" * 100_000 + '"'),
    "long name": JSON.replace("euler_a", "e" * 100_000),
    "long list": JSON.replace('"seed":42', '"seed":[' + "1," * 100_000 + "1]"),
    "nested passes": JSON.replace('"guides":[', '"guides":[[').replace("}],", "}]],"),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_a_short_error(text: str) -> None:
    with pytest.raises(BadValue if "eeee" not in text else UnknownName) as caught:
        Recipe.from_json(text)
    # The names of all samplers are 290 characters of it.
    assert len(str(caught.value)) < 400 and "\n" not in str(caught.value)


def test_huge_python_values_are_typed_errors_too() -> None:
    with pytest.raises(BadValue, match="a huge int is out of range"):
        PLAIN.model_copy(update={"width": 8 * 10**5000})
    with pytest.raises(BadValue, match="recipe: holds half a surrogate"):
        PLAIN.model_copy(update={"\ud800": 1})


def test_unforeseen_complaints_stay_readable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mezzotint.values.value._SAYINGS", {})
    with pytest.raises(BadValue, match="seed: is not allowed; check its form"):
        PLAIN.model_copy(update={"seed": -1})


def test_defaults() -> None:
    assert ModelUse().base == "mini"
    assert Numerics() == Numerics(mode="exact", precision="float32")
    assert Prompt(text="x") == Prompt(text="x", negative="", clip_skip=None)


DRAWN: dict[str, Any] = {"sampler": "euler", "spacing": "leading", "steps": 4}
AFTER = Pass(**DRAWN, source=Source())
KEPT = Source(start="kept")


@pytest.mark.parametrize(
    ("passes", "text"),
    [
        ((AFTER,), "image: is missing, and something was said about it"),
        (
            (Pass(**DRAWN, source=Source(strength=0.5, mask=Mask())),),
            "something was said about it: strength, mask; give",
        ),
        ((Pass(**DRAWN, scale=2.0),), "scale: the first pass has no other to be larger than"),
        ((Pass(**DRAWN), Pass(**DRAWN)), "source: is missing; say what the pass does"),
        ((Pass(**DRAWN, span=Span(stop=0.5)), AFTER), "span: a pass stops before the picture is clean"),
        ((Pass(**DRAWN, span=Span(stop=0.5)),), "span: the last pass stops before the picture is clean"),
        ((Pass(**DRAWN), *[AFTER] * 8), "passes: has too many entries; use at most 8"),
        ((), "passes: has too few entries"),
    ],
)
def test_passes_that_do_not_follow_each_other(passes: tuple[Pass, ...], text: str) -> None:
    with pytest.raises(BadValue, match=text):
        PLAIN.model_copy(update={"passes": passes})


def test_only_a_pass_that_goes_on_begins_in_the_middle() -> None:
    for source in (None, Source()):
        with pytest.raises(BadValue, match="only a pass that goes on where another one stopped"):
            Pass(**DRAWN, source=source, span=Span(start=0.5))
    parts = (Pass(**DRAWN, span=Span(stop=0.5)), Pass(**DRAWN, source=KEPT, span=Span(start=0.5)))
    assert PLAIN.model_copy(update={"passes": parts}).passes == parts
