"""Adapters as people write them: on the command line, in a prompt, and back."""

import pytest

from mezzotint.values.adapters import Named, from_flag, in_prompt, inversion_from_flag, other_tags, tag, tags
from mezzotint.values.errors import BadValue
from mezzotint.values.infotext import parse, render
from mezzotint.values.recipe import MAX_ADAPTERS, AdapterUse, InversionUse, Recipe
from values.samples import PLAIN


@pytest.mark.parametrize(
    ("text", "file", "weight"),
    [
        ("a.safetensors", "a.safetensors", 1.0),
        ("a.safetensors:0.8", "a.safetensors", 0.8),
        ("a:b:-1", "a:b", -1.0),
        ("C:/x.safetensors", "C:/x.safetensors", 1.0),
        ("a:.5", "a", 0.5),
        ("a:2.", "a", 2.0),
        ("a:nan", "a:nan", 1.0),
        ("a:1e9", "a:1e9", 1.0),
    ],
)
def test_a_flag_is_a_file_and_perhaps_a_strength(text: str, file: str, weight: float) -> None:
    assert from_flag(text) == AdapterUse(file=file, weight=weight)


def test_two_strengths_are_those_of_the_text_encoders_and_of_the_denoiser() -> None:
    assert from_flag("a:0.5:0.8") == AdapterUse(file="a", weight=0.8, text_weight=0.5)
    told = {
        "x:0.5": (0.5, None), "x:0.5:0.8": (0.8, 0.5), "x:te=0:unet=1": (1.0, 0.0), "x:unet=0.5": (0.5, 1.0),
        "x:te=0.3": (0.3, None), "x:0.5:0.5": (0.5, None), "x:1:unet=-2": (-2.0, 1.0),
    }  # fmt: skip
    for text, (weight, text_weight) in told.items():
        assert in_prompt(f"<lora:{text}>")[1] == (Named("x", weight, text_weight),)
    assert tag(AdapterUse(file="a/b.st", weight=0.8, text_weight=0.0)) == "<lora:b:0:0.8>"
    for bad in ("<lora:x:1:te=2>", "<lora:x:rank=4>", "<lora:x:te=>", "<lora:x:1:1:1:1>"):
        with pytest.raises(BadValue, match="is not understood"):
            in_prompt(bad)
    for dynamic in ("<lora:x:1:1:4>", "<lora:x:dyn=4>"):
        with pytest.raises(BadValue, match="part of the rank"):
            in_prompt(dynamic)


@pytest.mark.parametrize("text", ["", "a\0b", "a:101", "a:-101", "x" * 4097])
def test_what_no_flag_may_be(text: str) -> None:
    with pytest.raises(BadValue):
        from_flag(text)


def test_tags_leave_the_prompt() -> None:
    assert in_prompt("a cat") == ("a cat", ()) and in_prompt("  a  <b> ") == ("  a  <b> ", ())
    text, named = in_prompt("a cat <lora:pixel:0.5> on  <lyco:a b/c> a mat<lora:x:-1>")
    assert text == "a cat on a mat" and named == (Named("pixel", 0.5), Named("a b/c", 1.0), Named("x", -1.0))
    assert in_prompt("<lora:x>") == ("", (Named("x", 1.0),))
    for bad in ("<lora::1>", "<lora:a:high>", "<lora:a:>", "<lora:a:nan>"):
        with pytest.raises(BadValue, match="is not understood"):
            in_prompt(f"a cat {bad}")
    assert in_prompt("<lora:" * 10000)[1] == ()


def test_a_recipe_holds_them_and_other_programs_read_them_in_the_prompt() -> None:
    uses = (AdapterUse(file="/x/pixel.safetensors", weight=0.8), AdapterUse(file="b.st", sha256="ab" * 32))
    recipe = PLAIN.model_copy(update={"adapters": uses})
    assert Recipe.from_json(recipe.to_json()) == recipe and recipe.digest() != PLAIN.digest()
    assert Recipe.from_json(PLAIN.to_json().replace('"adapters":[],', "")) == PLAIN
    assert tag(uses[0]) == "<lora:pixel:0.8>" and tag(uses[1]) == "<lora:b:1>"
    assert parse(render(recipe)).prompt == "a cat, sitting <lora:pixel:0.8> <lora:b:1>"
    assert (
        AdapterUse(file="a", weight=-0.0).model_dump_json()
        == AdapterUse(file="a", weight=0.0).model_dump_json()
    )
    with pytest.raises(BadValue, match=f"at most {MAX_ADAPTERS}"):
        PLAIN.model_copy(update={"adapters": uses * 20})


@pytest.mark.parametrize(
    ("text", "file", "name"),
    [
        ("x/Easy Negative.pt", "x/Easy Negative.pt", "Easy Negative"),
        ("<cat-toy>=x/learned_embeds.bin", "x/learned_embeds.bin", "<cat-toy>"),
        ("x/a=b.pt", "x/a=b.pt", "a=b"),
        ("a=b=c.pt", "b=c.pt", "a"),
    ],
)
def test_a_flag_is_a_file_and_perhaps_a_name(text: str, file: str, name: str) -> None:
    assert inversion_from_flag(text) == InversionUse(file=file, name=name)


@pytest.mark.parametrize(
    "text", ["", "=", "a=", "=a.pt", " a=b.pt", "a\nb=c.pt", "a\0.pt", "a" * 201 + "=b.pt"]
)
def test_names_that_no_prompt_could_hold(text: str) -> None:
    with pytest.raises(BadValue):
        inversion_from_flag(text)


def test_a_recipe_holds_inversions_by_name() -> None:
    uses = (InversionUse(file="/x/cat.pt", name="cat"), InversionUse(file="b.pt", name="b", sha256="ab" * 32))
    recipe = PLAIN.model_copy(update={"inversions": uses})
    assert Recipe.from_json(recipe.to_json()) == recipe and recipe.digest() != PLAIN.digest()
    assert Recipe.from_json(PLAIN.to_json().replace('"inversions":[],', "")) == PLAIN
    with pytest.raises(BadValue, match="two files answer to CAT"):
        PLAIN.model_copy(update={"inversions": (InversionUse(file="a", name="CAT"), *uses)})


def test_tags_are_told_apart() -> None:
    prompt = "a <lora:b:0.5> c <hypernet:d:1> <lyco:e>"
    assert tags(prompt) == ("<lora:b:0.5>", "<lyco:e>")
    assert other_tags(prompt) == ("<hypernet:d:1>",)
    assert tags("a") == other_tags("a") == ()
