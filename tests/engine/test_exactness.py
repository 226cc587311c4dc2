"""A recipe in exact numerics is one picture, whatever its batch, place, neighbours and process are.

The fast tests take a few recipes; the slow ones take 200 of toy networks and 5 of the embedded model, and print their
figures (`pytest -m slow -s tests/engine/test_exactness.py`).
"""

import hashlib
import json
import random
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from engine.recipes import Engine, recipe
from mezzotint.values.events import Drawn
from mezzotint.values.names import NOISES, SAMPLERS, SPACINGS
from mezzotint.values.recipe import Recipe

BATCHES = (1, 2, 4, 8)
GUIDES: tuple[list[str], ...] = (
    [],
    [],
    ["rescale"],
    ["apg"],
    ["cfg-zero"],
    ["perp-neg"],
    ["interval:0.25,0.75"],
    ["pag"],
    ["seg"],
    ["sag"],
)
LEAST_PSNR = 50.0
"""Decibels that fast numerics may be away from exact ones."""

ANOTHER_PROCESS = """
import sys, json
from mezzotint import Drawn, Engine, Recipe
from hashlib import sha256
recipes = [Recipe.from_json(line) for line in sys.stdin]
found = {e.index: sha256(e.picture.image.tobytes()).hexdigest()
         for e in Engine("cpu", 1).run_batch(recipes) if isinstance(e, Drawn)}
print(json.dumps([found[i] for i in range(len(recipes))]))
"""


def varied(count: int, seed: int, **fixed: object) -> list[Recipe]:
    """Recipes of toy networks that differ in everything a recipe has, 4 steps each."""
    chance = random.Random(seed)
    return [one_of(chance, number, fixed) for number in range(count)]


def one_of(chance: random.Random, number: int, fixed: dict[str, object]) -> Recipe:
    noise = chance.choice(NOISES)
    wishes: dict[str, object] = {
        "seed": chance.randrange(2**64),
        "steps": 4,
        "sampler": chance.choice(SAMPLERS),
        "spacing": chance.choice(SPACINGS),
        "guidance": chance.choice([1.0, 3.0, 7.5]),
        "negative": chance.choice(["", "blue", "a dog, low quality"]),
        "prediction": chance.choice(["noise", "velocity"]),
        "precision": chance.choice(["float32", "float32", "bfloat16"]),
        "width": chance.choice([32, 48]),
        "height": chance.choice([32, 40]),
        "noise": noise,
        "noise_gpu": "1x256" if noise == "nv" else None,
        "ensd": chance.choice([0, 31337]),
        "variation_strength": chance.choice([0.0, 0.3]),
        "variation_seed": chance.randrange(2**32),
        "guide": chance.choice(GUIDES),
    }
    words = ("red", "small", "old", "an apple", "two birds", "in snow")
    return recipe(" ".join(chance.sample(words, 3)) + f" {number}", **(wishes | fixed))


def drawn(engine: Engine, recipes: list[Recipe]) -> list[np.ndarray]:
    """The pictures in the order of the recipes."""
    found = {e.index: np.asarray(e.picture.image) for e in engine.run_batch(recipes) if isinstance(e, Drawn)}
    return [found[i] for i in range(len(recipes))]


def hashes(engine: Engine, recipes: list[Recipe]) -> list[str]:
    """The hash of each picture's pixels."""
    return [hashlib.sha256(picture.tobytes()).hexdigest() for picture in drawn(engine, recipes)]


def hashes_of_another_process(recipes: list[Recipe]) -> list[str]:
    lines = "\n".join(r.to_json() for r in recipes)
    done = subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS], input=lines, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def differences(recipes: list[Recipe], seed: int) -> tuple[int, int]:
    """How many pictures differ from those drawn alone, and how many were compared: batches of every size, in shuffled
    orders, by engines of every batch size, and in another process."""
    chance = random.Random(seed)
    engine = Engine("cpu", 1)
    alone = [hashes(engine, [one])[0] for one in recipes]
    wrong = compared = 0
    for size in BATCHES:
        order = chance.sample(range(len(recipes)), len(recipes))
        other = Engine("cpu", 1, batch=size)
        for start, end in pairwise([*range(0, len(order), size), len(order)]):
            places = order[start:end]
            found = hashes(other, [recipes[i] for i in places])
            wrong += sum(alone[i] != hash for i, hash in zip(places, found, strict=True))
            compared += len(places)
    again = hashes_of_another_process(recipes[::-1])[::-1]
    return wrong + sum(a != b for a, b in zip(alone, again, strict=True)), compared + len(again)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Decibels of 8 bit pictures; infinite for equal ones."""
    error = float(np.mean((a.astype(float) - b.astype(float)) ** 2))
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)


def away(recipes: list[Recipe]) -> list[float]:
    """How far each picture of whole batches in fast numerics is from the exact one, in decibels."""
    engine = Engine("cpu", 1)
    fast = [
        r.model_copy(update={"numerics": r.numerics.model_copy(update={"mode": "fast"})}) for r in recipes
    ]
    return [psnr(a, b) for a, b in zip(drawn(engine, recipes), drawn(engine, fast), strict=True)]


def test_a_picture_is_the_same_in_every_batch_order_and_process() -> None:
    assert differences(varied(4, seed=1, width=32, height=32), seed=2) == (0, 20)


def test_the_count_of_differences_can_find_one(monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = varied(3, seed=3, width=32, height=32)
    monkeypatch.setattr(sys.modules[__name__], "hashes_of_another_process", lambda them: ["", "", ""])
    assert differences(recipes, seed=4) == (3, 15)


SHARED = {"sampler": "euler_a", "spacing": "karras", "prediction": "noise", "precision": "float32"}
SHARED |= {"guide": [], "guidance": 3.0, "width": 32, "height": 32}
"""What pictures of one batch have in common; prompts, seeds and noise differ."""


def test_fast_numerics_stay_near() -> None:
    found = away(varied(4, seed=5, **SHARED))
    assert min(found) >= LEAST_PSNR
    other = drawn(Engine("cpu", 1), varied(2, seed=6, **SHARED))
    assert psnr(*other) < LEAST_PSNR / 2


@pytest.mark.slow
def test_two_hundred_recipes_have_one_picture_each() -> None:
    recipes = varied(200, seed=7)
    walks = [recipe.passes[0] for recipe in recipes]
    assert {walk.sampler for walk in walks} == set(SAMPLERS) and {walk.spacing for walk in walks} == set(
        SPACINGS
    )
    wrong, compared = differences(recipes, seed=8)
    print(f"\ntoy networks: {wrong} of {compared} pictures differ")
    assert (wrong, compared) == (0, 1000)


@pytest.mark.slow
def test_two_hundred_fast_recipes_stay_near() -> None:
    found = [db for seed in range(25) for db in away(varied(8, seed=seed, **SHARED))]
    equal = sum(db == float("inf") for db in found)
    print(f"\ntoy networks: fast at least {min(found):.1f} dB from exact, {equal} of {len(found)} equal")
    assert min(found) >= LEAST_PSNR


@pytest.mark.slow
def test_the_embedded_model_draws_one_picture_of_a_recipe() -> None:
    fixed = {"model": "mini", "prediction": None, "precision": "float32", "width": 64, "height": 64}
    wrong, compared = differences(varied(5, seed=9, **fixed), seed=10)
    found = away(varied(5, seed=11, **fixed, sampler="euler_a", spacing="karras", guidance=3.0))
    print(
        f"\nembedded model: {wrong} of {compared} pictures differ; fast at least {min(found):.1f} dB from exact"
    )
    assert (wrong, compared) == (0, 25)
    assert min(found) >= LEAST_PSNR
