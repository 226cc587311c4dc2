"""Changes one fact of a scene: what a caption that is nearly right says.

Takes a `Scene` and a random generator. Gives a scene of the same things that is not what the picture shows, or None
where every change would be another picture of other things. Draws nothing.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mezzotint.train.data.colours import PAINTS
from mezzotint.train.data.scenes import Scene, Thing


def mistaken(scene: Scene, random: np.random.Generator) -> Scene | None:
    """`scene` with its order or its colours exchanged, or another colour, number or size; None: it has none."""
    changes = [made for change in _CHANGES if (made := change(scene, random)) is not None]
    return changes[int(random.integers(len(changes)))] if changes else None


def _order(scene: Scene, random: np.random.Generator) -> Scene | None:
    # "Next to" is true either way round.
    if scene.relation not in ("left", "above"):
        return None
    first, second = scene.things
    return replace(scene, things=(second, first))


def _exchanged_colours(scene: Scene, random: np.random.Generator) -> Scene | None:
    if scene.relation is None or scene.things[0].colour == scene.things[1].colour:
        return None
    first, second = scene.things
    return replace(scene, things=(_painted(first, second.colour), _painted(second, first.colour)))


def _another_colour(scene: Scene, random: np.random.Generator) -> Scene | None:
    if len(scene.things) != 1 or scene.things[0].colour is None:
        return None
    words = [word for word in PAINTS if word != scene.things[0].colour]
    return replace(scene, things=(_painted(scene.things[0], words[int(random.integers(len(words)))]),))


def _another_count(scene: Scene, random: np.random.Generator) -> Scene | None:
    if scene.count == 1:
        return None
    counts = [count for count in range(2, 5) if count != scene.count]
    return replace(scene, count=counts[int(random.integers(len(counts)))])


def _another_extent(scene: Scene, random: np.random.Generator) -> Scene | None:
    if scene.extent is None:
        return None
    return replace(scene, extent="large" if scene.extent == "small" else "small")


def _painted(thing: Thing, colour: str | None) -> Thing:
    return replace(thing, colour=colour)


_CHANGES: tuple[Callable[[Scene, np.random.Generator], Scene | None], ...] = (
    _order,
    _exchanged_colours,
    _another_colour,
    _another_count,
    _another_extent,
)
