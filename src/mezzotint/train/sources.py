"""Joins the composer of pictures to the trainers: one object that each trainer can ask by index.

Takes a data folder, a selection of sprites and a seed. Gives pictures with captions: one, or two
phrasings and a wrong one; and the depth of what they show. Knows no networks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mezzotint.train.data import sprites as loader
from mezzotint.train.data.captions import caption
from mezzotint.train.data.compose import sample
from mezzotint.train.data.depth import Plane, depth_of
from mezzotint.train.data.mistakes import mistaken
from mezzotint.train.data.scenes import Scene
from mezzotint.train.data.sprites import Selection, Sprites

SIDE = 128
"""Sprites are kept at this size; a picture's things are drawn smaller."""
OTHER_WORDING = 1
"""Sets the second phrasing's random numbers apart from those of the first."""
MISTAKE = 2
"""Sets the random numbers of a wrong caption apart from those of the right ones."""


@dataclass
class Composed:
    """Composed pictures of one size by index, equal for equal (seed, index). Sprites are read on first use, so
    that a worker process of a data loader reads its own."""

    folder: Path
    selection: Selection = field(default_factory=Selection)
    seed: int = 0
    size: int = 64
    _sprites: Sprites | None = field(default=None, repr=False)

    @property
    def sprites(self) -> Sprites:
        """The selected sprites. Raises DataProblem."""
        if self._sprites is None:
            self._sprites = loader.load(self.folder, SIDE, self.selection)
        return self._sprites

    def __call__(self, index: int) -> tuple[NDArray[Any], str, Scene]:
        """Picture `H W 3` uint8, caption, truth."""
        made = sample(self.sprites, self.seed, index, self.size)
        return made.image, made.caption, made.scene

    def depth(self, index: int) -> Plane:
        """How near everything in the picture of `index` is, `H W` float32 in 0..1."""
        return depth_of(sample(self.sprites, self.seed, index, self.size))


@dataclass
class Phrased:
    """The same pictures, each with two captions that are true and one that nearly is."""

    composed: Composed

    def __call__(self, index: int) -> tuple[NDArray[Any], str, str, str]:
        """Picture `H W 3` uint8, caption, the same truth in other words, a caption with one mistake (empty: none)."""
        picture, first, scene = self.composed(index)
        again = np.random.default_rng((self.composed.seed, index, OTHER_WORDING, OTHER_WORDING))
        amiss = np.random.default_rng((self.composed.seed, index, MISTAKE, MISTAKE))
        wrong = mistaken(scene, amiss)
        return picture, first, caption(scene, again), "" if wrong is None else caption(wrong, amiss)


def captions(composed: Composed, count: int) -> Iterator[str]:
    """`count` captions of the stream, for the vocabulary."""
    for index in range(count):
        yield composed(index)[1]
