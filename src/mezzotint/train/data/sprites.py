"""Loads the sprites of a data folder into memory, and picks the most useful concepts of them.

Takes a data folder. Gives `Sprites`: pictures by style and concept, resized once. Does not compose.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from PIL import Image

from mezzotint.train.data.colours import Hue
from mezzotint.train.data.raster import Pixels
from mezzotint.train.data.shards import samples_of
from mezzotint.values.errors import DataProblem, UnknownName

Split = Literal["train", "held_style"]


@dataclass(frozen=True)
class Selection:
    """Which sprites are used: the `concepts` most useful (None: all), these `styles` (None: all), one `split`."""

    concepts: int | None = None
    styles: tuple[str, ...] | None = None
    split: Split = "train"


@dataclass(frozen=True)
class Sprite:
    """One sprite: what its JSON facts say, and its pixels (side side 4, straight alpha)."""

    key: str
    concept: str
    names: tuple[str, ...]
    bare: frozenset[str]
    unique: bool
    style: str
    rank: int
    hue: Hue
    split: Split
    pixels: Pixels

    @property
    def name(self) -> str:
        """What the concept is called first; decides what is held out."""
        return self.names[0]


class Sprites:
    """Sprites in memory, by style and concept."""

    def __init__(self, sprites: Sequence[Sprite]) -> None:
        """Raises DataProblem when `sprites` is empty."""
        if not sprites:
            raise DataProblem("no sprite fits the selection", hint="choose more concepts or other styles")
        self.all = tuple(sprites)
        by_style: dict[str, dict[str, Sprite]] = {}
        for sprite in self.all:
            by_style.setdefault(sprite.style, {})[sprite.concept] = sprite
        self.by_style: Mapping[str, Mapping[str, Sprite]] = MappingProxyType(by_style)
        self._listed = {style: tuple(known.values()) for style, known in by_style.items()}
        self.styles = tuple(by_style)

    def of_style(self, style: str) -> tuple[Sprite, ...]:
        """All sprites of a style. Raises UnknownName."""
        if style not in self._listed:
            raise UnknownName("style", style, self.styles)
        return self._listed[style]

    @property
    def concepts(self) -> tuple[str, ...]:
        """Labels of all concepts, most useful first."""
        rank = {sprite.concept: sprite.rank for sprite in self.all}
        return tuple(sorted(rank, key=rank.__getitem__))

    def find(self, style: str, concept: str) -> Sprite:
        """One sprite. Raises UnknownName."""
        known = {sprite.concept: sprite for sprite in self.of_style(style)}
        if concept not in known:
            raise UnknownName("concept", concept, known)
        return known[concept]


def load(folder: Path, side: int = 128, selection: Selection = Selection()) -> Sprites:
    """Loads the selected sprites of a data folder at `side` pixels. Raises DataProblem, UnknownName."""
    rows = [
        row for row in samples_of(folder) if selection.styles is None or row[1]["style"] in selection.styles
    ]
    chosen = _most_useful([facts for _, facts, _ in rows], selection.concepts)
    return Sprites(
        [
            _sprite(key, facts, data, side)
            for key, facts, data in rows
            if facts["concept"] in chosen and facts["split"] == selection.split
        ]
    )


def _most_useful(facts: Sequence[Mapping[str, Any]], count: int | None) -> frozenset[str]:
    """The labels of `count` concepts: those in the most styles first, then by rank."""
    rank = {row["concept"]: row["rank"] for row in facts}
    styles = dict.fromkeys(rank, 0)
    for row in facts:
        styles[row["concept"]] += 1
    order = sorted(rank, key=lambda label: (-styles[label], rank[label]))
    return frozenset(order if count is None else order[:count])


def _sprite(key: str, facts: Mapping[str, Any], data: bytes, side: int) -> Sprite:
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    if image.width != side:
        small = image.convert("RGBa").resize((side, side), Image.Resampling.LANCZOS)
        image = small.convert("RGBA")
    return Sprite(
        key,
        facts["concept"],
        tuple(facts["words"]),
        frozenset(facts["bare"]),
        "unique" in facts["flags"],
        facts["style"],
        facts["rank"],
        Hue(**facts["hue"]),
        facts["split"],
        np.array(image),
    )
