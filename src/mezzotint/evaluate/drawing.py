"""Draws the pictures that are measured: many prompts through the engine, each with its own seed.

Takes prompts, gives pictures in their order. Recipes are the model's defaults in `fast` numerics, whole batches at a
time. Knows no metric.
"""

from collections.abc import Iterator, Sequence

from PIL import Image

from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.values.events import Drawn
from mezzotint.values.recipe import Recipe


def recipes(prompts: Sequence[str], model: str, seed: int) -> list[Recipe]:
    """One recipe a prompt; seeds run from `seed` upwards."""
    return [
        compose(prompt, model=model, seed=seed + index, numerics="fast")
        for index, prompt in enumerate(prompts)
    ]


def drawn(engine: Engine, asked: Sequence[Recipe]) -> Iterator[tuple[int, Image.Image]]:
    """(place, picture) of every recipe, as they are finished."""
    for event in engine.run_batch(asked):
        if isinstance(event, Drawn):
            yield event.index, event.picture.image
