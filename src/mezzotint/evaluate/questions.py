"""What a model is asked to draw in order to be measured: prompts whose truth is known and was never trained on.

Takes loaded sprites. Gives `Question`s: a caption, the scene it stands for, and a real picture of that scene.
The same sprites, seed and count give the same questions. Does not draw with a model.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mezzotint.train.data.captions import plain_caption
from mezzotint.train.data.compose import Box, render, sample
from mezzotint.train.data.scenes import Scene, Thing, draw_scene
from mezzotint.train.data.sprites import Sprite, Sprites
from mezzotint.values.errors import DataProblem

TRIES = 30
"""Scenes looked at for each question that is wanted, before giving up."""


@dataclass(frozen=True)
class Question:
    """A prompt, what it means, a real picture of it, and where the things stand in that picture."""

    prompt: str
    scene: Scene
    real: Image.Image
    boxes: tuple[Box, ...]


def _asked(scene: Scene, random: np.random.Generator, size: int) -> Question:
    pixels, boxes = render(scene, random, size)
    return Question(plain_caption(scene), scene, Image.fromarray(pixels), boxes)


def _held(
    sprites: Sprites, count: int, seed: int, size: int, wanted: Callable[[Scene], bool]
) -> list[Question]:
    """`count` different held-out scenes that are `wanted`. Raises DataProblem when the sprites have too few."""
    random = np.random.default_rng(seed)
    found: dict[str, Question] = {}
    for _ in range(count * TRIES):
        scene = draw_scene(random, sprites, held=True)
        if wanted(scene) and plain_caption(scene) not in found:
            found[plain_caption(scene)] = _asked(scene, random, size)
        if len(found) == count:
            return list(found.values())
    raise DataProblem(
        f"only {len(found)} of {count} held-out scenes found", hint="ask fewer, or use more concepts"
    )


def colour_questions(sprites: Sprites, count: int, seed: int, size: int) -> list[Question]:
    """One thing on white in a colour that it is never called in training."""
    return _held(sprites, count, seed, size, lambda s: s.kind == "colour" and s.ground is None)


def layout_questions(sprites: Sprites, count: int, seed: int, size: int) -> list[Question]:
    """Two things beside or above each other that are never drawn together in training, on white."""

    def wanted(scene: Scene) -> bool:
        placed = scene.relation in ("left", "above") and scene.ground is None
        return placed and all(thing.colour is None for thing in scene.things)

    return _held(sprites, count, seed, size, wanted)


def style_questions(hidden: Sprites, seed: int, size: int) -> list[Question]:
    """Each thing in the one style of it that training never shows. `hidden` are sprites of split `held_style`."""
    random = np.random.default_rng(seed)
    return [_asked(_single(sprite), random, size) for sprite in hidden.all]


def seen_questions(sprites: Sprites, count: int, seed: int, size: int) -> list[Question]:
    """Single things in styles that training shows, each concept and style at most once."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(sprites.all))[:count]
    return [_asked(_single(sprites.all[int(index)]), random, size) for index in order]


def _single(sprite: Sprite) -> Scene:
    return Scene("single", (Thing(sprite),))


def ordinary_questions(sprites: Sprites, count: int, seed: int, size: int) -> list[Question]:
    """Scenes as training draws them, from a stream of its own: seen things in fresh combinations."""
    drawn = (sample(sprites, seed, index, size) for index in range(count))
    return [Question(s.caption, s.scene, Image.fromarray(s.image), s.boxes) for s in drawn]
