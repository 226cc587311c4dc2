"""Recipes of the toy family for the tests of this folder."""

import numpy as np

from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.engine.walk import Walk


def recipe(prompt="a red apple", **wishes):
    """A small toy recipe: 32 pixels, 2 steps, seed 5, unless asked otherwise."""
    wishes = {"model": "toy", "seed": 5, "steps": 2, "width": 32, "height": 32, **wishes}
    return compose(prompt, **wishes)


def first(one):
    """The first pass of a recipe."""
    return Walk(one, 0, one.width, one.height)


def pixels(engine, recipes):
    """The bytes of each picture of a batch, in the order of the recipes."""
    found = {}
    for event in engine.run_batch(recipes):
        if type(event).__name__ == "Drawn":
            found[event.index] = event.picture.image.tobytes()
    return [found[i] for i in range(len(recipes))]


def assert_a_batch_is_as_each_alone(engine, recipes):
    """In exact numerics bit for bit, else to one level."""
    together = pixels(engine, recipes)
    alone = [pixels(engine, [one])[0] for one in recipes]
    for one, own, other in zip(recipes, together, alone, strict=True):
        assert own == other or one.numerics.mode != "exact"
        parts = (np.frombuffer(part, dtype=np.uint8).astype(int) for part in (own, other))
        assert np.abs(np.subtract(*parts)).max() <= 1


__all__ = ["Engine", "assert_a_batch_is_as_each_alone", "draw", "first", "pixels", "recipe"]
