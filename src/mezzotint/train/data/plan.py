"""Plans a build: which drawings become sprites, what is said about each, and how they are cut into shards.

Takes unpacked packages with their licences, and the words. Gives `Item` lists in a fixed order, and counts of what is
left out and why. Draws nothing and writes nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mezzotint.train.data.concepts import Concept
from mezzotint.train.data.emoji import Emoji
from mezzotint.train.data.held import held_styles
from mezzotint.train.data.licences import Licence
from mezzotint.train.data.sets import Drawing, PictureSet
from mezzotint.train.data.wordnet import WordNet, synonyms

SHARD = 400
"""Drawings that go into one shard."""


@dataclass(frozen=True)
class Item:
    """One drawing that becomes a sprite, and what its JSON says before it is drawn."""

    source: PictureSet
    drawing: Drawing
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Words:
    """Everything that names things: the emoji, the table of concepts, and WordNet (None: no synonyms)."""

    emoji: Emoji
    table: Mapping[str, Concept]
    wordnet: WordNet | None

    @cached_property
    def taken(self) -> frozenset[str]:
        """Every name of the table: what one concept is called, no synonym of another may be."""
        return frozenset(name for concept in self.table.values() for name in concept.names)


def plan(
    chosen: Sequence[PictureSet], roots: Mapping[str, tuple[Path, Licence]], words: Words
) -> tuple[list[list[Item]], dict[str, Counter[str]]]:
    """What is drawn, cut into shards in a fixed order, and what is left out of each set and why.

    `roots` maps packages, as "name@version", to their unpacked folder and licence. A shard holds one set only.
    """
    dropped = {entry.name: Counter[str]() for entry in chosen}
    kept = {
        entry.name: _kept(entry, roots[str(entry.package)][0], words, dropped[entry.name]) for entry in chosen
    }
    styles: dict[str, tuple[str, ...]] = {}
    for entry in chosen:
        for label in kept[entry.name]:
            styles[label] = (*styles.get(label, ()), entry.style)
    hidden = held_styles(styles)
    shards: list[list[Item]] = []
    for entry in chosen:
        licence = roots[str(entry.package)][1]
        ranked = sorted(kept[entry.name].items(), key=lambda pair: words.table[pair[0]].rank)
        items = [
            Item(
                entry, drawing, _facts(entry, drawing, words.table[label], words, licence, hidden.get(label))
            )
            for label, drawing in ranked
        ]
        shards += [items[start : start + SHARD] for start in range(0, len(items), SHARD)]
    return shards, dropped


def _kept(entry: PictureSet, root: Path, words: Words, dropped: Counter[str]) -> dict[str, Drawing]:
    """The drawings of a set by label; the others are counted in `dropped`."""
    kept: dict[str, Drawing] = {}
    for drawing in entry.drawings(root, words.emoji):
        if drawing.is_skin_variant:
            dropped["skin tone variant"] += 1
        elif drawing.label is None:
            dropped["no emoji name"] += 1
        elif drawing.label not in words.table:
            dropped["not a concept of the table"] += 1
        elif drawing.label in kept:
            dropped["second drawing of a concept"] += 1
        else:
            kept[drawing.label] = drawing
    return kept


def _facts(
    entry: PictureSet, drawing: Drawing, concept: Concept, words: Words, licence: Licence, hidden: str | None
) -> dict[str, Any]:
    named = words.emoji.by_label[concept.label]
    plain = concept.names[0]
    more = synonyms(words.wordnet, plain, named.group) if words.wordnet else ()
    more = tuple(word for word in more if word not in words.taken)
    bare = concept.bare.union(more if plain in concept.bare else ())
    return {
        "concept": concept.label,
        "words": [*concept.names, *more],
        "bare": sorted(bare),
        "flags": sorted(concept.flags),
        "rank": concept.rank,
        "style": entry.style,
        "set": entry.name,
        "licence": licence.name,
        "source": f"{entry.package}/{drawing.source}",
        "group": named.group,
        "split": "held_style" if hidden == entry.style else "train",
    }
