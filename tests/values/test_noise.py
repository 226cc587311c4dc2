"""What a recipe says about noise: old recipes, names of GPUs, series, and what does not fit together."""

import json

import pytest

from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.noise import GPUS, NoiseUse, numbers_of
from mezzotint.values.recipe import Recipe
from values.samples import PLAIN


def test_a_recipe_that_names_the_kind_only_is_the_same_picture() -> None:
    old = json.loads(PLAIN.to_json()) | {"noise": "cpu"}
    assert Recipe.from_json(json.dumps(old)) == PLAIN
    assert Recipe.from_json(json.dumps(old)).digest() == PLAIN.digest()


def test_seeds_of_variations_survive_readers_that_hold_numbers_as_doubles() -> None:
    use = NoiseUse(variation_seed=2**64 - 1)
    assert '"variation_seed":"18446744073709551615"' in use.model_dump_json()
    assert NoiseUse.model_validate_json(use.model_dump_json()) == use


@pytest.mark.parametrize("name", ["rtx-4070-ti", "RTX 4070 Ti", "NVIDIA GeForce RTX 4070 Ti", "60x1536"])
def test_a_gpu_is_kept_as_its_size(name: str) -> None:
    assert NoiseUse(kind="nv", gpu=name).gpu == "60x1536"


CAPS = {
    "rtx-2060": 30_720,
    "t4": 40_960,
    "rtx-3060": 43_008,
    "rtx-4070": 70_656,
    "rtx-4070-ti": 92_160,
    "rtx-3090": 125_952,
    "v100": 163_840,
    "rtx-4090": 196_608,
    "a100": 221_184,
    "h100": 270_336,
    "h200": 270_336,
}
"""Numbers that a GPU draws before a thread gives its second one: SMs x (most threads of one // 256) x 256."""


def test_the_sizes_of_gpus_are_those_of_the_published_ones() -> None:
    found = {name: numbers_of(size)[0] * numbers_of(size)[1] for name, size in GPUS.items()}
    assert found == CAPS


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"kind": "nv", "gpu": "rtx-9999"}, "unknown GPU 'rtx-9999'; "),
        ({"kind": "nv", "gpu": "46x1500"}, "noise_gpu: 1500 threads are no whole blocks"),
        ({"kind": "nv", "gpu": 5}, "noise_gpu: must be text"),
        ({"kind": "cpu", "gpu": "t4"}, "noise_gpu: the noise cpu comes from no GPU; use noise nv"),
        ({"batch": 4, "index": 4}, "noise_index: 4 is no place in a batch of 4; use 0 to 3"),
        ({"resize_from": "512"}, "seed_resize: '512' is not a size; use WIDTHxHEIGHT"),
        ({"resize_from": "512x513"}, "seed_resize: '512x513' is not a size"),
        ({"resize_from": "4104x8"}, "seed_resize: '4104x8' is not a size"),
        ({"resize_from": 5}, "seed_resize: must be text"),
        ({"variation_strength": 1.5}, "variation_strength: 1.5 is out of range; use 0 to 1"),
    ],
)
def test_what_does_not_fit_is_said(wrong: dict[str, object], text: str) -> None:
    with pytest.raises((BadValue, UnknownName)) as caught:
        NoiseUse.model_validate(wrong)
    assert str(caught.value).startswith(text)


def test_a_place_without_a_batch_is_that_of_one_taken_out_of_it() -> None:
    assert NoiseUse(kind="comfy", index=7).batch == 1


def test_a_series_counts_seeds_or_variations() -> None:
    assert PLAIN.following(3) == PLAIN.model_copy(update={"seed": 45})
    noise = NoiseUse(variation_seed=9, variation_strength=0.5)
    varied = PLAIN.model_copy(update={"noise": noise})
    assert varied.following(3).seed == 42
    assert varied.following(3).noise.variation_seed == 12
    assert varied.following(0) == varied
    with pytest.raises(BadValue, match="seed"):
        PLAIN.following(2**64)
