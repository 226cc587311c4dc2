"""Finds synonyms that really mean a concept, in the WordNet noun files.

Takes the folder of `index.noun` and `data.noun` (formats: wndb(5WN), senseidx(5WN)). Gives lemmas. Careful on
purpose: a synonym must have the concept as its own first sense. Does not know emoji files or pictures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from mezzotint.values.errors import DataProblem

TOPICS: Mapping[str, int] = MappingProxyType(
    {
        "animals-nature/animal": 5,
        "animals-nature/plant": 20,
        "food-drink/food": 13,
        "food-drink/drink": 13,
        "food-drink/dishware": 6,
        "travel-places/place-building": 6,
        "travel-places/transport": 6,
        "travel-places/time": 6,
        "activities/sport": 6,
        "activities/game": 6,
        "objects/": 6,
    }
)
"""Start of an emoji group -> the lexicographer file that is meant (5 animal, 6 artifact, 13 food, 20 plant)."""


REFUSED = frozenset({"eggs", "john", "privy", "television system", "porcupine", "toad", "pine", "mike"})
"""Lemmas that pass the rule and still would mislead in a caption."""


@dataclass(frozen=True)
class Sense:
    """One synset: its place, its lexicographer file, and its lemmas with their number within that file."""

    offset: int
    topic: int
    lemmas: tuple[tuple[str, int], ...]


class WordNet:
    """Noun senses by lemma, most frequent first, and how often each was met in tagged text."""

    def __init__(
        self, offsets: Mapping[str, tuple[int, ...]], data: bytes, counts: Mapping[str, int]
    ) -> None:
        """`offsets` are the places of a lemma's synsets in `data` (`data.noun`); `counts` is by sense key."""
        self._offsets = offsets
        self._data = data
        self._counts = counts

    def senses(self, lemma: str) -> tuple[Sense, ...]:
        """All senses of a noun."""
        return tuple(self._sense(offset) for offset in self._offsets.get(lemma.replace(" ", "_"), ()))

    def count(self, lemma: str, number: int, topic: int) -> int:
        """How often a lemma was met in this sense."""
        return self._counts.get(f"{lemma.replace(' ', '_')}%1:{topic:02d}:{number:02d}::", 0)

    def _sense(self, offset: int) -> Sense:
        parts = self._data[offset : self._data.index(b" | ", offset)].decode("ascii", "replace").split()
        words = range(int(parts[3], 16))
        lemmas = tuple((parts[4 + 2 * i].replace("_", " "), int(parts[5 + 2 * i], 16)) for i in words)
        return Sense(offset, int(parts[1]), lemmas)


def read_wordnet(folder: Path) -> WordNet:
    """WordNet's nouns from its `dict` folder. Raises DataProblem."""
    try:
        index = (folder / "index.noun").read_text(encoding="ascii")
        counted = (folder / "cntlist.rev").read_text(encoding="ascii")
        data = (folder / "data.noun").read_bytes()
    except (OSError, ValueError):
        raise DataProblem(
            "the WordNet files cannot be read", hint="build without synonyms, or remove the cache folder"
        ) from None
    offsets: dict[str, tuple[int, ...]] = {}
    for line in index.splitlines():
        if not line.startswith(" "):
            parts = line.split()
            offsets[parts[0]] = tuple(int(part) for part in parts[-int(parts[2]) :])
    rows = (line.split() for line in counted.splitlines())
    counts = {key: int(count) for key, _, count in rows if "%1:" in key}
    return WordNet(MappingProxyType(offsets), data, MappingProxyType(counts))


def synonyms(words: WordNet, name: str, group: str) -> tuple[str, ...]:
    """Other words for `name`, an emoji of `group`.

    The sense is the first of the name's senses that is of the group's topic, and it must be one of its first two. A
    lemma of it is taken when that sense is the lemma's own first one, it was met in tagged text, and it is a
    lower-case word or two (no Latin or brand names).
    """
    topic = next((number for start, number in TOPICS.items() if group.startswith(start)), None)
    for sense in words.senses(name)[:2]:
        if sense.topic == topic:
            found = (lemma for lemma, number in sense.lemmas if _means(words, lemma, number, sense))
            return tuple(lemma for lemma in dict.fromkeys(found) if lemma != name)
    return ()


def _means(words: WordNet, lemma: str, number: int, sense: Sense) -> bool:
    plain = lemma.islower() and lemma.replace(" ", "").replace("-", "").isalpha() and len(lemma.split()) <= 2
    if not plain or lemma in REFUSED or not words.count(lemma, number, sense.topic):
        return False
    return words.senses(lemma)[0].offset == sense.offset
