"""Decides what a training picture shows: objects, colours, counts, places, background, style.

Takes loaded sprites and a random generator. Gives a `Scene`, which is the whole truth about a picture and from
which both the picture and its caption are made. Training scenes never hold what `held` keeps apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from mezzotint.train.data.colours import GROUNDS, PAINTS
from mezzotint.train.data.held import colour_is_held, pair_is_held
from mezzotint.train.data.sprites import Sprite, Sprites
from mezzotint.values.errors import DataProblem

Relation = Literal["left", "above", "beside"]
Extent = Literal["small", "large"]
Kind = Literal["single", "colour", "pair", "count", "size", "ground"]

KINDS: MappingProxyType[Kind, float] = MappingProxyType(
    {"single": 0.55, "colour": 0.15, "pair": 0.15, "count": 0.08, "size": 0.04, "ground": 0.03}
)
"""How often each kind of scene is drawn."""
ALSO_GROUND = 0.06
"""How often a scene that is not about its background gets a coloured one."""
ALSO_COLOUR = 0.25
"""How often each object of a pair, and the object of a count, a size or a background, gets a colour word."""
NAMED_GROUND = 0.03
"""How often a white background is named."""
SURE = frozenset({"red", "yellow", "green", "blue", "purple", "white", "black"})
"""Colour words that are named for a sprite as it is; brown, grey and orange are too close to others."""
TRIES = 64
"""Draws before a plain single scene is taken."""


@dataclass(frozen=True)
class Thing:
    """One object: its sprite, and the colour it is called and drawn in (None: as it is, unnamed)."""

    sprite: Sprite
    colour: str | None = None


@dataclass(frozen=True)
class Scene:
    """What a picture shows.

    Two `things` stand in `relation`: the first is left of or above the second ("beside": left of it, but only "next
    to" is said). One thing may be drawn `count` times. `ground` is a colour word, or None for a white background
    that is not named.
    """

    kind: Kind
    things: tuple[Thing, ...]
    relation: Relation | None = None
    count: int = 1
    extent: Extent | None = None
    ground: str | None = None

    @property
    def style(self) -> str:
        """The style of all things."""
        return self.things[0].sprite.style

    @property
    def is_held(self) -> bool:
        """Whether the scene has a pair of things, or a coloured thing, that training never shows."""
        names = [thing.sprite.name for thing in self.things]
        pairs = len(names) == 2 and pair_is_held(names[0], names[1])
        cells = (colour_is_held(t.sprite.name, t.colour) for t in self.things if t.colour is not None)
        return pairs or any(cells)


def draw_scene(random: np.random.Generator, sprites: Sprites, *, held: bool = False) -> Scene:
    """A scene for training, or with `held` one of the kinds that training never shows, to test with.

    Raises DataProblem when the sprites allow no such scene.
    """
    kinds: Sequence[Kind] = ("pair", "colour") if held else tuple(KINDS)
    weights = [KINDS[kind] for kind in kinds]
    for _ in range(TRIES):
        kind = kinds[int(random.choice(len(kinds), p=np.divide(weights, sum(weights))))]
        scene = _scene(kind, random, sprites)
        if scene is not None and scene.is_held == held:
            return scene
    if held:
        raise DataProblem("these sprites allow no held-out scene", hint="choose more concepts")
    return Scene("single", (Thing(_any(random, sprites)),))


def _scene(kind: Kind, random: np.random.Generator, sprites: Sprites) -> Scene | None:
    first = _any(random, sprites)
    match kind:
        case "single":
            scene = Scene(kind, (Thing(first),))
        case "colour":
            thing = _coloured(random, first)
            scene = None if thing.colour is None else Scene(kind, (thing,))
        case "pair":
            scene = _pair(random, first, sprites)
        case "count":
            many = countable(first)
            count = int(random.integers(2, 5))
            scene = Scene(kind, (_maybe_coloured(random, first),), count=count) if many else None
        case "size":
            extent: Extent = "small" if random.random() < 0.6 else "large"
            scene = Scene(kind, (_maybe_coloured(random, first),), extent=extent)
        case "ground":
            scene = _grounded(Scene(kind, (_maybe_coloured(random, first),)), random)
    if scene is None or kind == "ground":
        return scene
    chance = random.random()
    if chance < ALSO_GROUND:
        return _grounded(scene, random)
    return _with_ground(scene, "white") if chance > 1 - NAMED_GROUND and shown_as(scene) != "white" else scene


def _any(random: np.random.Generator, sprites: Sprites) -> Sprite:
    return sprites.all[int(random.integers(len(sprites.all)))]


def _pair(random: np.random.Generator, first: Sprite, sprites: Sprites) -> Scene | None:
    same_style = sprites.of_style(first.style)
    second = same_style[int(random.integers(len(same_style)))]
    if second.name == first.name or set(first.names) & set(second.names):
        return None
    chance = random.random()
    relation: Relation = "left" if chance < 0.45 else "above" if chance < 0.85 else "beside"
    return Scene("pair", (_maybe_coloured(random, first), _maybe_coloured(random, second)), relation=relation)


def countable(sprite: Sprite) -> bool:
    """Whether some name of it can be counted: it takes an article and is one thing."""
    return not sprite.unique and any(simple(name) and name not in sprite.bare for name in sprite.names)


def simple(name: str) -> bool:
    """Whether a name is a plain noun that a colour or a number can stand before without a doubt."""
    words = name.split()
    return (
        len(words) <= 3 and not colourful(name) and not {"of", "with", "in", "on", "from", "and"} & set(words)
    )


def colourful(name: str) -> bool:
    """Whether a name has a colour word of its own."""
    return bool(set(name.replace("-", " ").split()) & set(GROUNDS))


def _coloured(random: np.random.Generator, sprite: Sprite) -> Thing:
    """The thing in a colour that its sprite can show, or uncoloured when there is none."""
    hue = sprite.hue
    if all(colourful(name) for name in sprite.names):
        return Thing(sprite)
    if hue.recolourable:
        words = tuple(PAINTS)
        return Thing(sprite, words[int(random.integers(len(words)))])
    sure = hue.single and hue.share >= 0.70 and hue.name in SURE
    return Thing(sprite, hue.name if sure else None)


def _maybe_coloured(random: np.random.Generator, sprite: Sprite) -> Thing:
    return _coloured(random, sprite) if random.random() < ALSO_COLOUR else Thing(sprite)


def shown_as(scene: Scene) -> str:
    """The colour word that the first thing shows."""
    thing = scene.things[0]
    return thing.colour or thing.sprite.hue.name


def _grounded(scene: Scene, random: np.random.Generator) -> Scene:
    taken = {thing.colour or thing.sprite.hue.name for thing in scene.things}
    words = [word for word in GROUNDS if word not in taken and word != "white"]
    return _with_ground(scene, words[int(random.integers(len(words)))])


def _with_ground(scene: Scene, word: str) -> Scene:
    return Scene(scene.kind, scene.things, scene.relation, scene.count, scene.extent, word)
