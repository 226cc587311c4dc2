"""Pictures of prompts in their languages: what changes them, what must not, and batches of unlike prompts."""

from pathlib import Path

import pytest

from engine.recipes import Engine, pixels, recipe
from mezzotint.engine.composing.compose import Lists, compose_series
from mezzotint.engine.steering import said
from mezzotint.engine.telling.explain import explain
from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.recipe import Recipe

TEXTS = [
    "a red apple",
    "a (red:1.4) apple",
    "a [red:blue:0.5] apple",
    "a [blue|red] apple",
    "a red apple AND a boat :0.5",
    "a red apple BREAK a boat",
    "word " * 100,
]
STEPS = 3


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def alone(engine: Engine) -> list[bytes]:
    """The picture of every text, each drawn by itself."""
    return [pixels(engine, [recipe(text, steps=STEPS)])[0] for text in TEXTS]


def test_every_sign_of_the_language_changes_the_picture(alone: list[bytes]) -> None:
    different = len(set(alone))
    assert different == len(TEXTS)


def test_exact_pictures_do_not_depend_on_their_neighbours(engine: Engine, alone: list[bytes]) -> None:
    together = pixels(engine, [recipe(text, steps=STEPS) for text in reversed(TEXTS)])
    assert together == alone[::-1]


def near(a: bytes, b: bytes) -> bool:
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) <= 1


def test_fast_batches_of_unlike_prompts_are_the_same_pictures(engine: Engine, alone: list[bytes]) -> None:
    together = pixels(engine, [recipe(text, steps=STEPS, numerics="fast") for text in TEXTS])
    assert all(near(a, b) for a, b in zip(together, alone, strict=True))
    assert not near(together[0], alone[1])


@pytest.mark.parametrize("dialect", ["plain", "a1111", "comfy", "compel"])
def test_words_alone_are_the_same_picture_in_every_language(
    engine: Engine, alone: list[bytes], dialect: str
) -> None:
    assert pixels(engine, [recipe(TEXTS[0], steps=STEPS, dialect=dialect)]) == alone[:1]


def test_a_recipe_without_a_dialect_takes_signs_literally(engine: Engine, alone: list[bytes]) -> None:
    stored = Recipe.from_json(
        recipe(TEXTS[1], steps=STEPS, dialect="plain").to_json().replace('"dialect":"plain",', "")
    )
    assert stored.prompt.dialect == "plain"
    assert pixels(engine, [stored])[0] != alone[1]


def test_a_schedule_that_never_changes_is_the_text_itself(engine: Engine, alone: list[bytes]) -> None:
    drawn = pixels(engine, [recipe(t, steps=STEPS) for t in ("a [blue:red:0] apple", "a [red:blue:3] apple")])
    assert drawn == [alone[0]] * 2


def test_parts_without_weight_pull_nowhere(engine: Engine, alone: list[bytes]) -> None:
    zero, twice = pixels(
        engine,
        [
            recipe("a red apple AND a boat:0", steps=STEPS),
            recipe("a red apple:0.5 AND a red apple:0.5", steps=STEPS),
        ],
    )
    assert near(zero, alone[0])
    assert near(twice, alone[0])


def test_parts_are_weighed_against_the_negative_text_even_without_guidance() -> None:
    assert not said(recipe("a AND b").prompt, STEPS).plain
    assert said(recipe("a").prompt, STEPS).plain


def test_emphasis_is_a_choice(engine: Engine, alone: list[bytes]) -> None:
    drawn = pixels(
        engine, [recipe(TEXTS[1], steps=STEPS, emphasis=e) for e in ("original", "no_norm", "ignore")]
    )
    assert drawn[0] == alone[1]
    assert drawn[2] == alone[0]
    assert len(set(drawn)) == 3


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(BadValue, match="weight"):
        said(recipe("(a:1.2.3)").prompt, STEPS)
    with pytest.raises(BadValue, match="hypernet"):
        recipe("a <hypernet:x:1>")
    assert recipe("a <hypernet:x:1>", dialect="plain").prompt.text == "a <hypernet:x:1>"
    with pytest.raises(UnknownName, match="wildcard"):
        recipe("a __nothing__ b")


def test_chance_is_decided_before_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEZZOTINT_MODELS", str(tmp_path))
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards/colour.txt").write_text("red\nblue\n", "utf-8")
    (tmp_path / "styles.csv").write_text('name,prompt,negative_prompt\nink,"ink, {prompt}",photo\n', "utf-8")
    flat = {"prompt": "a __colour__ {cat|dog}", "model": "toy", "seed": 3}
    series = compose_series(flat, 30, Lists(style=["ink"]))
    texts = {one.prompt.text for one in series}
    assert texts == {f"ink, a {colour} {thing}" for colour in ("red", "blue") for thing in ("cat", "dog")}
    assert {one.prompt.source for one in series} == {"a __colour__ {cat|dog}"}
    assert (series[0].seed, series[29].seed, series[0].prompt.negative) == (3, 32, "photo")
    assert compose_series(flat, 2, Lists(style=["ink"])) == series[:2]
    assert [one.prompt.source for one in compose_series({**flat, "prompt": "a cat"}, 2)] == [None, None]
    with pytest.raises(UnknownName, match="style"):
        compose_series(flat, 1, Lists(style=["oil"]))


def rows(prompt: str, **wishes: object) -> dict[str, dict[str, str]]:
    return {section.title: dict(section.rows) for section in explain(prompt, model="toy", **wishes).sections}  # pyright: ignore[reportArgumentType]


def test_explain_shows_steps_weights_and_tokens() -> None:
    told = rows("a (big:1.5) [cat:dog:2] AND sky:-0.5", steps=5, to="comfy")
    assert told["Text 1 of 2, with weight 1"] == {
        "steps 1 to 3": "a (big:1.5) cat",
        "steps 4 to 5": "a (big:1.5) dog",
    }
    assert told["Text 2 of 2, with weight -0.5"] == {"steps 1 to 5": " sky"}
    assert "(1.5)" in told["Tokens of wording 1"]["chunk 1"]
    assert "change over the steps" in told["In comfy"]["cannot say"]


def test_explain_converts_and_tells_what_is_cut() -> None:
    assert rows("a (big:1.5) cat", to="compel")["In compel"] == {"prompt": "a (big)1.5 cat"}
    assert "not read" in rows("cat " * 200, dialect="plain")["Tokens of wording 1"]
    assert rows('("a", "b").and()', dialect="compel")["Text"] == {"steps 1 to 4": "(a, b).and(1, 1)"}
    with pytest.raises(UnknownName, match="dialect"):
        explain("a", dialect="latin")
