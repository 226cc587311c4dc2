"""Says a scene in words: names, colours, counts, places, background and style, in several phrasings.

Takes a `Scene`, and a random generator for the phrasing. Gives one caption. Draws no picture.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from mezzotint.train.data.grammar import article, noun_phrase
from mezzotint.train.data.scenes import Scene, Thing, colourful, simple

T = TypeVar("T")

STYLE_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "3d render": ("{}, 3d render", "a 3d render of {}", "{}, 3d", "{} in 3d style", "{}, 3d icon"),
        "flat": ("{}, flat", "a flat icon of {}", "{}, flat icon", "{}, flat style", "a flat drawing of {}"),
        "noto emoji": ("{}, noto emoji", "an emoji of {}", "{}, emoji", "{} in emoji style"),
        "glossy gradient": (
            "{}, glossy gradient",
            "a glossy icon of {}",
            "{}, glossy",
            "{}, gradient icon",
            "{} with a glossy gradient",
        ),
        "blob emoji": ("{}, blob emoji", "a blob emoji of {}", "{} in blob style"),
        "firefox emoji": ("{}, firefox emoji", "a firefox emoji of {}", "{} in firefox emoji style"),
    }
)
"""Phrasings of each style, the usual one first."""

STYLED = 0.92
"""How often the style is named."""
USUAL = 0.55
"""How often the usual phrasing, or the plainest name, is taken."""
BARE = 0.12
"""How often the article of a single thing is left out."""

PLACES: Mapping[str, tuple[tuple[str, bool], ...]] = MappingProxyType(
    {
        "left": (
            ("to the left of", False),
            ("left of", False),
            ("to the right of", True),
            ("right of", True),
        ),
        "above": (("above", False), ("over", False), ("below", True), ("under", True)),
        "beside": (("next to", False), ("and", False), ("beside", False), ("next to", True)),
    }
)
"""Words for each relation; True: the second thing is named first."""
EXTENTS = MappingProxyType({"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")})


def plain_caption(scene: Scene) -> str:
    """The usual caption of a scene: plainest names and phrasings, style named. For evaluation."""
    return _caption(scene, None)


def caption(scene: Scene, random: np.random.Generator) -> str:
    """A caption of a scene, its phrasing drawn at random."""
    return _caption(scene, random)


def _caption(scene: Scene, random: np.random.Generator | None) -> str:
    said = _content(scene, random)
    if scene.ground is not None:
        on = f"{{}} on {article(scene.ground)} {scene.ground} background"
        said = _pick((on, f"{{}}, {scene.ground} background"), random).format(said)
    if random is not None and random.random() >= STYLED:
        return said
    return _pick(STYLE_WORDS.get(scene.style, (f"{{}}, {scene.style}",)), random).format(said)


def _content(scene: Scene, random: np.random.Generator | None) -> str:
    if scene.relation is None:
        extent = () if scene.extent is None else (_pick(EXTENTS[scene.extent], random),)
        said = _thing(scene.things[0], random, extent, scene.count)
        alone = scene.count == 1 and random is not None and random.random() < BARE
        return said.split(" ", 1)[1] if alone and said.startswith(("a ", "an ")) else said
    words, turned = _pick(PLACES[scene.relation], random)
    first, second = (_thing(thing, random) for thing in scene.things)
    return f"{second} {words} {first}" if turned else f"{first} {words} {second}"


def _thing(
    thing: Thing, random: np.random.Generator | None, extent: tuple[str, ...] = (), count: int = 1
) -> str:
    sprite = thing.sprite
    names: Sequence[str] = sprite.names
    if thing.colour is not None:
        names = [name for name in names if not colourful(name)]
    if count > 1:
        names = [name for name in names if simple(name) and name not in sprite.bare]
    elif thing.colour is not None or extent:
        names = [name for name in names if simple(name)] or names
    name = _pick(names, random)
    colour = () if thing.colour is None else (thing.colour,)
    return noun_phrase(name, (*extent, *colour), count=count, bare=name in sprite.bare, unique=sprite.unique)


def _pick(choices: Sequence[T], random: np.random.Generator | None) -> T:
    """The first choice more often than the others; always the first without a generator."""
    if random is None or len(choices) == 1 or random.random() < USUAL:
        return choices[0]
    return choices[int(random.integers(1, len(choices)))]
