"""`generate` and `compose`: what is left out comes from the family, what is given is kept."""

import inspect
from dataclasses import fields
from typing import Unpack

import pytest
from PIL import Image

import mezzotint
from mezzotint.engine.api import generate
from mezzotint.engine.composing import compose as module
from mezzotint.engine.composing.compose import Lists, compose, compose_flat
from mezzotint.engine.composing.wishes import Wishes
from mezzotint.families.toy import TOY
from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.options import OPTIONS, flatten


def test_what_is_left_out_comes_from_the_family():
    made, known = compose("a cat", model="toy"), TOY.defaults
    use = made.passes[0]
    assert (made.width, made.height, use.steps) == (known.width, known.height, known.steps)
    assert (use.sampler, use.spacing, use.guides[0].scale) == (known.sampler, known.spacing, known.guidance)
    assert made.numerics.mode == "exact"


def test_what_is_given_is_kept(tmp_path):
    for name in ("photo", "mask"):
        Image.new("RGB", (72, 80)).save(tmp_path / f"{name}.png")
    given = {
        "image": str(tmp_path / "photo.png"),
        "strength": 0.25,
        "start": "noised",
        "fit": "stretch",
        "extend": (0, 0, 0, 0),
        "mask": str(tmp_path / "mask.png"),
        "mask_invert": "yes",
        "mask_grow": 3,
        "mask_blur": 1.5,
        "mask_soft": "yes",
        "mask_fill": "surround",
        "mask_area": "masked",
        "mask_padding": 8,
        "mask_paste": "no",
        "depth": str(tmp_path / "mask.png"),
        "noise_level": 40,
        "prompt": "a cat",
        "negative": "dog",
        "clip_skip": 2,
        "model": "toy",
        "prediction": "velocity",
        "zero_snr": "yes",
        "upscaler": "bicubic",
        "redraw": "yes",
        "sampler": "ddim",
        "eta": 0.5,
        "s_noise": 1.25,
        "s_churn": 40.0,
        "s_tmin": 0.1,
        "s_tmax": 50.0,
        "order": 2,
        "restarts": 1,
        "spacing": "karras",
        "rho": 5.0,
        "shift": 2.0,
        "sigmas": (9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0),
        "steps": 7,
        "dialect": "compel",
        "pad": "yes",
        "emphasis": "no_norm",
        "guidance": 2.5,
        "tile": 64,
        "tile_overlap": 24,
        "tile_window": "gaussian",
        "seamless": "x",
        "decode_tile": 512,
        "seed": 2**64 - 1,
        "width": 72,
        "height": 80,
        "numerics": "fast",
        "precision": "bfloat16",
        "noise": "comfy",
        "noise_gpu": "46x1536",
        "noise_index": 2,
        "noise_batch": 4,
        "ensd": 31337,
        "variation_seed": 9,
        "variation_strength": 0.25,
        "seed_resize": "64x64",
    }
    assert set(given) == {option.name for option in OPTIONS}
    assert flatten(compose_flat(given)) == given
    assert flatten(compose(**given)) == given


def test_every_option_is_a_keyword_of_both():
    names = [option.name for option in OPTIONS if option.name != "prompt"]
    assert set(Wishes.__annotations__) == {*names, *(field.name for field in fields(Lists))}
    for door in (compose, generate):
        assert inspect.signature(door).parameters["wishes"].annotation == Unpack[Wishes]
    with pytest.raises(UnknownName, match="did you mean guidance"):
        compose("a cat", guidence=3.0)


def test_seeds_are_chosen_at_random_and_short(monkeypatch):
    monkeypatch.setattr(module.secrets, "randbelow", lambda limit: limit - 1)
    assert compose("x", model="toy").seed == 2**32 - 1
    assert compose("x", model="toy", seed=0).seed == 0
    assert compose("x", model="toy").noise.variation_seed == 0
    assert compose("x", model="toy", variation_strength=0.5).noise.variation_seed == 2**32 - 1


def test_bad_wishes_are_named():
    with pytest.raises(UnknownName, match="did you mean euler"):
        compose("x", model="toy", sampler="eulr")
    with pytest.raises(BadValue, match="steps"):
        compose("x", model="toy", steps=0)


def test_generate_draws_and_remembers_its_recipe():
    wishes = {"model": "toy", "seed": 5, "steps": 2, "width": 32, "height": 32, "device": "cpu", "threads": 1}
    first, second = generate("a red apple", **wishes), mezzotint.generate("a red apple", **wishes)
    assert first.recipe == compose("a red apple", model="toy", seed=5, steps=2, width=32, height=32)
    assert first.image.tobytes() == second.image.tobytes()
