"""The settings text of web UIs: pinned examples, round trips, foreign and hostile texts."""

import json
import re
import time

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mezzotint.values.infotext import Infotext, options, parse, render
from mezzotint.values.options import assemble, flatten
from mezzotint.values.recipe import Recipe
from values.samples import PLAIN, TEXTS, passes, recipes


def test_rendering_is_pinned() -> None:
    assert render(PLAIN) == (
        "a cat, sitting\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7.5, "
        "Seed: 42, Size: 64x96, Model: mini, RNG: CPU"
    )


def test_optional_settings() -> None:
    sha = "0123456789" + "ab" * 27
    recipe = assemble(
        {**flatten(PLAIN), "clip_skip": 2, "eta": 0.5, "model": "/models/sd 1.5, v2.safetensors"}, {}
    )
    model = recipe.passes[0].model.model_copy(update={"sha256": sha})
    recipe = recipe.model_copy(update={"passes": (recipe.passes[0].model_copy(update={"model": model}),)})
    assert render(recipe).endswith(
        'Size: 64x96, Model hash: 0123456789, Model: "sd 1.5, v2", Clip skip: 2, RNG: CPU, Eta: 0.5'
    )
    assert parse(render(recipe)).params["Model"] == "sd 1.5, v2"


def test_seed_settings() -> None:
    noise = {"ensd": 31337, "variation_seed": 9, "variation_strength": 0.25, "seed_resize": "512x768"}
    text = render(assemble({**flatten(PLAIN), "noise": "nv", **noise}, {}))
    assert text.endswith(
        "Model: mini, Variation seed: 9, Variation seed strength: 0.25, Seed resize from: 512x768, ENSD: 31337, RNG: NV"
    )
    found = options(parse(text))
    assert {name: found[name] for name in ("noise", *noise)} == {"noise": "nv", **noise}
    on_gpu = render(assemble({**flatten(PLAIN), "noise": "nv", "noise_gpu": "t4"}, {}))
    assert "RNG" not in on_gpu
    assert options(parse(on_gpu))["noise"] == "nv"


def test_no_settings_that_are_defaults() -> None:
    recipe = assemble({**flatten(PLAIN), "clip_skip": 1, "negative": ""}, {})
    text = render(recipe)
    assert "Clip skip" not in text and "Eta" not in text and "Negative" not in text


def test_a_path_is_not_given_away() -> None:
    text = render(assemble({**flatten(PLAIN), "model": "somewhere/someone/secret/model v1.5"}, {}))
    assert "Model: model v1.5," in text and "someone" not in text


def clean(text: str) -> bool:
    """True for a prompt that the format can hold: no white space at line ends, no line like the negative mark."""
    lines = text.split("\n")
    return text == text.strip() and all(
        line == line.strip() and "Negative prompt:" not in line for line in lines
    )


@settings(max_examples=50, deadline=None, derandomize=True)
@given(recipes(TEXTS.filter(clean), st.tuples(passes())))
@example(PLAIN)
def test_what_is_rendered_is_parsed(recipe: Recipe) -> None:
    assume(not re.fullmatch("[0-9]+x[0-9]+", recipe.passes[0].model.base))
    found = parse(render(recipe))
    assert (found.prompt, found.negative) == (recipe.prompt.text, recipe.prompt.negative)
    wanted = {k: v for k, v in flatten(recipe).items() if v is not None}
    for name in (
        "model",
        "prediction",
        "zero_snr",
        "numerics",
        "precision",
        "noise_gpu",
        "noise_index",
        "noise_batch",
        "tile",
        "tile_overlap",
        "tile_window",
        "decode_tile",
    ):
        wanted.pop(name, None)
    wanted["dialect"] = "a1111"  # what programs that read such a text take it for
    if wanted.get("seamless") != "both":  # the web UI has one axis only in extensions
        wanted.pop("seamless", None)
    if wanted.get("emphasis") not in ("no_norm", "ignore"):
        wanted.pop("emphasis", None)
    if wanted.get("pad") != "yes":
        wanted.pop("pad", None)
    if not wanted["variation_strength"]:
        del wanted["variation_seed"], wanted["variation_strength"]
    if not wanted["ensd"]:
        del wanted["ensd"]
    if wanted["noise"] not in ("cpu", "nv"):  # other programs have no word for these; they start like the CPU
        wanted["noise"] = "cpu"
    got = options(found)
    if wanted.get("clip_skip") == 1:
        del wanted["clip_skip"]
    assert {k: v for k, v in got.items() if k != "guidance"} == {
        k: v for k, v in wanted.items() if k != "guidance"
    }
    if recipe.passes[0].guides:
        assert found.params["CFG scale"] == repr(recipe.passes[0].guides[0].scale).removesuffix(".0")


KEYS = st.text("abcXYZ019_-/ ", min_size=2, max_size=12).filter(
    lambda key: key[0].isalnum() and key == key.strip()
)
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).filter(
    lambda value: value == value.strip() and not re.fullmatch(r'\d+x\d+|"[^,:]*', value)
)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    TEXTS.filter(clean),
    TEXTS.filter(clean),
    st.dictionaries(KEYS, VALUES | st.just('a, b: "c"\nd\\'), min_size=3, max_size=8),
)
def test_any_settings_are_parsed(prompt: str, negative: str, params: dict[str, str]) -> None:
    quoted = {
        k: json.dumps(v, ensure_ascii=False) if re.search("[,\n:]", v) else v for k, v in params.items()
    }
    mark = f"\nNegative prompt: {negative}" if negative else ""
    text = f"{prompt}{mark}\n" + ", ".join(f"{key}: {value}" for key, value in quoted.items())
    assert parse(text) == Infotext(prompt, negative, params)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.text() | st.text('ab:,"\\ \n1x', max_size=60))
@example('ab: "\\", cd: "1, ef: 2"')
def test_no_text_is_an_error(text: str) -> None:
    found = parse(text)
    assert set(options(found)) >= {"prompt", "negative"}


def test_a_foreign_text() -> None:
    found = parse(
        "(masterpiece:1.2), a fox\r\n BREAK in snow \nNegative prompt: blurry,\n  low quality\n"
        "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 3141592653, Size: 512x768, Model hash: 6ce0161689, "
        "Model: v1-5-pruned-emaonly, Denoising strength: 0.7, Clip skip: 2, Hires resize: 1024x1536, "
        'Lora hashes: "fox: 0123456789ab, snow: ba9876543210", Version: v1.10.1'
    )
    assert found.prompt == "(masterpiece:1.2), a fox\nBREAK in snow"
    assert found.negative == "blurry,\nlow quality"
    assert found.params["Lora hashes"] == "fox: 0123456789ab, snow: ba9876543210"
    assert (found.params["Size-1"], found.params["Hires resize-2"]) == ("512", "1536")
    assert options(found) == {
        "dialect": "a1111",
        "prompt": found.prompt, "negative": found.negative, "sampler": "dpmpp_2m", "spacing": "karras",
        "guidance": 7.0, "steps": 28, "seed": 3141592653, "width": 512, "height": 768, "clip_skip": 2, "noise": "nv",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Infotext("", "", {})),
        ("just a prompt", Infotext("just a prompt", "", {})),
        ("a: b, cd: 1, ef: 2", Infotext("a: b, cd: 1, ef: 2", "", {})),  # one letter is no key, two are too few
        ("Negative prompt: x\nab: 1, cd: 2, ef: 3", Infotext("", "x", {"ab": "1", "cd": "2", "ef": "3"})),
        ("p\nNegative prompt:\nx\nNegative prompt: y", Infotext("p", "x\ny", {})),
        ("ab: 1, cd: , (ef: 3,, gh: \"4\"", Infotext("", "", {"ab": "1", "cd": "", "ef": "3", "gh": "4"})),
        ('ab: "1" 2, cd: "\\x", ef: 3', Infotext("", "", {"ab": '"1" 2', "cd": '"\\x"', "ef": "3"})),
    ],
)  # fmt: skip
def test_corners_of_the_grammar(text: str, found: Infotext) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    ("params", "flat"),
    [
        ({"Sampler": "Heunish", "Schedule type": "Automatic"}, {}),
        (
            {"Sampler": "DPM++ 2M SDE", "Schedule type": "Automatic"},
            {"sampler": "dpmpp_2m_sde", "spacing": "exponential"},
        ),
        ({"Sampler": "Euler", "Schedule type": "Automatic"}, {"sampler": "euler", "spacing": "linspace"}),
        (
            {"Sampler": "euler A", "Schedule type": "SGM Uniform"},
            {"sampler": "euler_a", "spacing": "sgm_uniform"},
        ),
        ({"CFG scale": "nan", "Steps": "1e3", "Seed": "-1", "Size-1": "9" * 5000}, {"noise": "nv"}),
        (
            {"CFG scale": "7.5", "Seed": "18446744073709551615", "RNG": "CPU"},
            {"guidance": 7.5, "seed": 2**64 - 1, "noise": "cpu"},
        ),
        ({"Seed": "1", "RNG": "NV", "ENSD": "31337"}, {"seed": 1, "noise": "nv", "ensd": 31337}),
        ({"Seed": "1", "RNG": "GPU", "ENSD": "-5"}, {"seed": 1, "noise": "nv", "ensd": -5}),
        ({"Seed": "1", "RNG": "TPU", "ENSD": "x"}, {"seed": 1}),
        (
            {
                "Variation seed": "9",
                "Variation seed strength": "0.25",
                "Seed resize from-1": "500",
                "Seed resize from-2": "512",
            },
            {"variation_seed": 9, "variation_strength": 0.25, "seed_resize": "496x512"},
        ),
        ({"Variation seed strength": "", "Seed resize from-1": "5", "Seed resize from-2": "512"}, {}),
        ({"Variation seed strength": "2.5", "Seed resize from-1": "0", "Seed resize from-2": "0"}, {}),
        ({"Variation seed strength": "1e-05"}, {"variation_strength": 1e-5}),
    ],
)
def test_only_what_has_a_counterpart_becomes_an_option(
    params: dict[str, str], flat: dict[str, object]
) -> None:
    assert options(Infotext("p", "", params)) == {"dialect": "a1111", "prompt": "p", "negative": "", **flat}


@pytest.mark.parametrize(
    "unit", ["a", "ab:", 'ab:"', 'ab:"\\', 'ab:"\\",', "- ", "ab:1,", "\n", "Negative prompt:\n"]
)
@pytest.mark.parametrize("length", [60_000, 1_000_000])
def test_hostile_texts_take_linear_time(unit: str, length: int) -> None:
    start = time.process_time()
    parse(unit * (length // len(unit)))
    assert time.process_time() - start < 60  # quadratic work would take hours
