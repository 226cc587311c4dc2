"""The nearest recipe to the settings of other programs: what is carried, what is told, and our own back to the bit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.recipes import draw, recipe
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.composing.foreign import MOST_LARGER, nearest
from mezzotint.engine.engine import Engine
from mezzotint.families.shelf import VARIABLE
from mezzotint.values.errors import BadPicture, ModelNotFound
from mezzotint.values.infotext import Infotext, parse, render
from mezzotint.values.names import SAMPLERS, SPACINGS

USUAL = "Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 64x64, RNG: CPU"


def told(text, **given):
    """The recipe of an infotext on the toy model, and the notes as lines."""
    made = nearest(parse(text), **{"model": "toy", **given})
    return made.recipe, [str(note) for note in made.notes]


WISHES = st.fixed_dictionaries(
    {
        "sampler": st.sampled_from(SAMPLERS),
        "spacing": st.sampled_from(SPACINGS),
        "steps": st.integers(1, 60),
        "guidance": st.floats(1, 20),
        "seed": st.integers(0, 2**64 - 1),
        "width": st.sampled_from([32, 64, 96]),
        "height": st.sampled_from([32, 64]),
        "noise": st.sampled_from(["cpu", "nv"]),
        "negative": st.sampled_from(["", "fog, rain", "two\nlines"]),
    },
    optional={
        "clip_skip": st.just(2),
        "ensd": st.sampled_from([31337, -3]),
        "variation_strength": st.floats(0.01, 1),
        "seed_resize": st.just("32x64"),
        "seamless": st.just("both"),
        "emphasis": st.sampled_from(["no_norm", "ignore"]),
        "then": st.sampled_from(
            [["scale=2,strength=0.4,steps=7"], ["scale=1.5,strength=0.25,upscaler=latent,sampler=heun"]]
        ),
        "guide": st.sampled_from([["rescale:0.7"], ["pag:3", "rescale:0.5"]]),
    },
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(WISHES)
def test_our_own_settings_come_back_as_the_same_recipe(wishes):
    one = compose(
        "a (red:1.2) {apple}, [sunny:night:0.5]" if len(wishes) % 2 else "a boat", model="toy", **wishes
    )
    one = one.model_copy(update={"prompt": one.prompt.model_copy(update={"source": None})})
    made = nearest(parse(render(one)), "toy")
    assert made.recipe == one
    assert made.notes == ()


def test_a_picture_of_a_web_ui():
    """The layout and the keys that AUTOMATIC1111's web UI 1.10 writes."""
    one, notes = told(
        "a (red:1.2) apple\nNegative prompt: fog\n"
        "Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 3141592653, Size: 96x64, "
        "Model hash: 6ce0161689, Model: toy, Variation seed: 9, Variation seed strength: 0.25, "
        "Denoising strength: 0.4, Clip skip: 2, ENSD: 31337, Hires upscale: 2, Hires steps: 10, "
        'Hires upscaler: Latent (nearest), Hires prompt: "a pear, large", Version: v1.10.1'
    )
    assert notes == []
    first, second = one.passes
    assert (one.prompt.text, one.prompt.negative, one.prompt.dialect, one.prompt.clip_skip) == (
        "a (red:1.2) apple", "fog", "a1111", 2,
    )  # fmt: skip
    assert (first.sampler, first.spacing, first.steps, first.guides[0].scale) == (
        "dpmpp_2m",
        "karras",
        28,
        6.5,
    )
    assert (one.seed, one.width, one.height, one.noise.kind, one.noise.ensd) == (
        3141592653,
        96,
        64,
        "nv",
        31337,
    )
    assert (one.noise.variation_seed, one.noise.variation_strength) == (9, 0.25)
    assert (second.scale, second.steps, second.source.strength, second.source.upscaler) == (
        2, 10, 0.4, "latent_nearest",
    )  # fmt: skip
    assert (second.prompt.text, second.prompt.dialect) == ("a pear, large", "a1111")


def test_names_from_before_schedules_were_said_apart():
    one, notes = told("a cat\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 64x64")
    assert (one.passes[0].sampler, one.passes[0].spacing, notes) == ("dpmpp_2m", "karras", [])


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ("Foo bar: 3", "Foo bar: 3: is not known here"),
        ("Face restoration: CodeFormer", "Face restoration: CodeFormer: nothing mends faces here"),
        (
            "Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+",
            "Hires upscaler: R-ESRGAN 4x+: is not here, Lanczos enlarges",
        ),
        (
            "Denoising strength: 0.6",
            "Denoising strength: 0.6: the picture that it started from is not in the file; ",
        ),
        ("Mask blur: 4", "Mask blur: 4: masks are not in the file"),
        (
            'ControlNet 0: "Module: canny, Model: x"',
            "ControlNet 0: Module: canny, Model: x: the picture that it followed",
        ),
        ("Eta: 0.5", "eta: 0.5: euler has no use for it"),
        ("Sampler: Magic", "Sampler: Magic: is no sampler here"),
        ("Schedule type: Magic", "Schedule type: Magic: is no spacing here"),
        ("CFG scale: 1000", "guidance: 1000.0: is not 0 to 100"),
        ("Size: 60x70", "Size: 60x70: drawn at 64x72, as "),
        ("Size: 1024x512", "Size: 1024x512: drawn at "),
        ("Clip skip: 12", "Clip skip: 12: the text encoder of this model has no layer 12"),
        ("Model: dreamland", "Model: dreamland: drawn with toy"),
        ("Refiner: more, Refiner switch at: 0.8", "Refiner: more: is not in the model folders"),
        ("VAE: other.pt", "VAE: other.pt: the model's own autoencoder draws"),
        ("Hires upscale: 99", "Hires upscale: 99: is not known here"),
    ],
)
def test_what_is_not_carried_is_told_in_one_line(more, note, monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    key = more.partition(":")[0]
    usual = ", ".join(part for part in USUAL.split(", ") if not part.startswith(f"{key}:"))
    _, notes = told(f"a cat\n{usual}, {more}")
    assert any(line.startswith(note) for line in notes), notes
    assert all("\n" not in line for line in notes)


@pytest.mark.parametrize(
    "more",
    [
        "Version: v1.9",
        "Model hash: 0123456789",
        "Face restoration: None",
        "Tiling: False",
        "Emphasis: Original",
        "NGMS: 0",
    ],
)
def test_what_changes_nothing_is_not_told(more):
    assert told(f"a cat\n{USUAL}, {more}")[1] == []


def test_tags_in_the_prompt(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / "nice.safetensors").write_bytes(b"x")
    one, notes = told(f"a cat <lora:nice:0.8> <lora:gone:1> <hypernet:old:1>, sitting\n{USUAL}")
    assert one.prompt.text == "a cat , sitting"
    assert [(use.file, use.weight) for use in one.adapters] == [(str(tmp_path / "nice.safetensors"), 0.8)]
    assert notes == [
        "Prompt: <lora:gone:1>: no such file in the model folders",
        "Prompt: <hypernet:old:1>: is not supported",
    ]


def test_a_size_far_from_what_the_model_draws_is_made_its_own():
    own = nearest(parse(f"a cat\n{USUAL.replace('64x64', '4096x2048')}"), "mini").recipe
    assert own.width * own.height <= MOST_LARGER * 64 * 64
    assert abs(own.width / own.height - 2) < 0.2
    kept = nearest(parse(f"a cat\n{USUAL.replace('64x64', '128x96')}"), "mini").recipe
    assert (kept.width, kept.height) == (128, 96)


def test_a_picture_that_it_started_from_may_be_given(tmp_path):
    draw(Engine("cpu", 1), recipe()).save(tmp_path / "a.png")
    text = f"a cat\n{USUAL}, Denoising strength: 0.6"
    one, notes = told(text, image=tmp_path / "a.png")
    assert (one.passes[0].source.strength, notes) == (0.6, [])
    with pytest.raises(BadPicture):
        told(text, image=tmp_path / "b.png")
    with pytest.raises(ModelNotFound):
        told(text, model="nowhere")


KEYS = st.sampled_from(
    [
        "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size-1", "Size-2", "Clip skip", "ENSD", "RNG", "Eta",
        "Sigma churn", "Schedule rho", "Shift", "Sigmas", "Guides", "Hires upscale", "Hires steps", "Hires sampler",
        "Hires resize-1", "Denoising strength", "Hires prompt", "Variation seed strength", "Order", "Model", "Other",
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    ["0", "1", "-1", "2.5", "0.3", "9" * 25, "Euler a", "Karras", "9 4 1", "pag:3", "x", "", "32"]
) | st.text(max_size=9)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(max_size=20), st.dictionaries(KEYS, VALUES, max_size=8))
def test_anything_gives_a_recipe_and_notes_of_one_line(prompt, params):
    made = nearest(Infotext(prompt.replace("\0", ""), "", params), "toy")
    assert made.recipe.passes[0].model.base == "toy"
    assert all("\n" not in str(note) for note in made.notes)
