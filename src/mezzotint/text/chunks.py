"""Cuts a prompt into the chunks that a text encoder reads, each with a start, an end and padding.

Takes a passage, a tokenizer's `Frame` and its way from words to ids; gives `Chunk`s of equal length whose every id has
a weight. Where a text is cut is the dialect's: A1111 goes back to a comma, ComfyUI keeps short words whole, compel goes
back to the end of a sentence. A taught word is never cut. Knows no network.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from mezzotint.text.prompt import Passage
from mezzotint.text.taught import Ids, Taught, units
from mezzotint.values.errors import BadValue

MOST = 64
"""The most chunks of one text: 4,800 tokens."""
COMMA_BACK = 20
"""How many tokens back A1111 looks for a comma to cut at."""
LONG_WORD = 8
"""From this many tokens on ComfyUI cuts a word."""
SENTENCE_ENDS = frozenset({".</w>"})
PHRASE_ENDS = SENTENCE_ENDS | {",</w>", ";</w>", ":</w>"}
"""Tokens that compel cuts behind."""


def nameless(id: int) -> str:
    """No id has a name."""
    return ""


@dataclass(frozen=True)
class Frame:
    """What stands around the ids of a chunk of `length`: `start` before, `end` behind, then `pad`; `comma` is its id
    (-1 for none); `token` gives the letters of an id, with `</w>` where it ends a word."""

    start: Ids
    end: int
    pad: int
    length: int
    comma: int = -1
    token: Callable[[int], str] = nameless

    @property
    def room(self) -> int:
        """The ids of the text that one chunk holds."""
        return self.length - len(self.start) - 1


@dataclass(frozen=True)
class Unit:
    """Ids that stay together, their weight, and which run of the text they come from."""

    ids: Ids
    weight: float
    run: int


@dataclass(frozen=True)
class Chunk:
    """`ids`, and for each its weight and its run, -1 for what stands around the text."""

    ids: Ids
    weights: tuple[float, ...]
    runs: tuple[int, ...]


Word = tuple[Unit, ...]
Fill = Callable[[Sequence[Word], Frame], list[list[Unit]]]
"""`(words, frame) -> the units of each chunk`; no chunk for no words."""


@dataclass(frozen=True)
class Cutting:
    """How a dialect cuts a text: into `words`, and these into chunks by `fill`. `trained` is whether an encoder reads
    letters as in its training, where other programs read them as every CLIP's (see `text.open_clip`)."""

    words: Callable[[str], Sequence[str]]
    fill: Fill
    trained: bool = False


def chunks(
    passage: Passage, frame: Frame, taught: Taught, ids: Callable[[str], Ids], how: Cutting
) -> tuple[Chunk, ...]:
    """The chunks of `passage`, at least one; a new one for every segment. Raises BadValue for more than `MOST`."""
    made: list[list[Unit]] = []
    run = 0
    for place, segment in enumerate(passage.segments):
        words: list[Word] = []
        for text in segment:
            for word in how.words(text.text):
                words.append(tuple(Unit(i, text.weight, run) for i in units(word, taught, ids)))
            run += 1
        found = how.fill(words, frame)
        last = place == len(passage.segments) - 1
        made += found or ([] if last and made else [[]])
    if len(made) > MOST:
        raise BadValue("prompt", f"fills {len(made)} chunks of tokens, at most {MOST} are read", "shorten it")
    return tuple(framed(kept, frame) for kept in made)


def framed(kept: Sequence[Unit], frame: Frame) -> Chunk:
    """The units of one chunk with what stands around them."""
    ids = list(chain.from_iterable(unit.ids for unit in kept))
    before, after = len(frame.start), frame.length - len(frame.start) - len(ids)
    return Chunk(
        (*frame.start, *ids, frame.end, *(frame.pad,) * (after - 1)),
        (*(1.0,) * before, *(unit.weight for unit in kept for _ in unit.ids), *(1.0,) * after),
        (*(-1,) * before, *(unit.run for unit in kept for _ in unit.ids), *(-1,) * after),
    )


def whole(text: str) -> Sequence[str]:
    """A run of text as one word: the tokenizer finds the words in it."""
    return (text,)


def spaced(text: str) -> Sequence[str]:
    """The words between spaces and line breaks."""
    return [word for word in text.replace("\n", " ").split(" ") if word]


def cut_off(words: Sequence[Word], frame: Frame) -> list[list[Unit]]:
    """One chunk with what fits into it; the rest is lost."""
    return tightly(words, frame)[:1]


def tightly(words: Sequence[Word], frame: Frame) -> list[list[Unit]]:
    """Chunks filled to the last place, wherever that cuts."""
    filled = _Filled(frame.room)
    for unit in chain.from_iterable(words):
        filled.add(unit)
    return filled.done()


def at_commas(words: Sequence[Word], frame: Frame) -> list[list[Unit]]:
    """A1111's: where a chunk is full and a comma is among its last tokens, what follows the comma moves on."""
    filled = _Filled(frame.room)
    comma = -1
    for unit in chain.from_iterable(words):
        if unit.ids == (frame.comma,):
            # In a full chunk a comma begins the next one, from which nothing is moved back to it.
            comma = -1 if filled.size == frame.room else len(filled.chunk)
        elif filled.size == frame.room and comma >= 0 and filled.behind(comma) <= COMMA_BACK:
            moved = filled.chunk[comma + 1 :]
            del filled.chunk[comma + 1 :]
            filled.close()
            for other in moved:
                filled.add(other)
            comma = -1
        if filled.add(unit) and unit.ids != (frame.comma,):
            comma = -1
    return filled.done()


def by_words(words: Sequence[Word], frame: Frame) -> list[list[Unit]]:
    """ComfyUI's: a word shorter than `LONG_WORD` tokens that does not fit begins the next chunk."""
    filled = _Filled(frame.room)
    for word in words:
        size = sum(len(unit.ids) for unit in word)
        if filled.size + size > frame.room and size < min(LONG_WORD, frame.room + 1):
            filled.close()
        for unit in word:
            filled.add(unit)
    return filled.done()


def at_sentences(words: Sequence[Word], frame: Frame) -> list[list[Unit]]:
    """compel's (its mode SENTENCES): what does not fit into one chunk is cut behind the last full stop that fits, else
    behind the last comma, else behind the last whole word."""
    units = list(chain.from_iterable(words))
    names = [frame.token(unit.ids[0]) if len(unit.ids) == 1 else "" for unit in units]
    made: list[list[Unit]] = []
    start = 0
    while start < len(units):
        (full, *rest) = tightly([tuple(units[start : start + frame.room + 1])], frame)
        end = start + len(full)
        if rest or end < len(units):
            end = _last_end(names, start, end)
        made.append(units[start:end])
        start = end
    return made


def _last_end(names: Sequence[str], start: int, end: int) -> int:
    """Where a chunk ends that could hold `names[start:end]`."""
    kinds: tuple[Callable[[str], bool], ...] = (
        SENTENCE_ENDS.__contains__,
        PHRASE_ENDS.__contains__,
        lambda name: name.endswith("</w>"),
    )
    for fits in kinds:
        for place in reversed(range(start, end)):
            if fits(names[place]):
                return place + 1
    return end


class _Filled:
    """Chunks on the way: those that are closed, and the one that is being filled."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.closed: list[list[Unit]] = []
        self.chunk: list[Unit] = []
        self.size = 0

    def close(self) -> None:
        self.closed.append(self.chunk)
        self.chunk, self.size = [], 0

    def add(self, unit: Unit) -> bool:
        """Puts a unit into the chunk, or into the next one; whether it was the next one. Raises BadValue."""
        if len(unit.ids) > self.room:
            raise BadValue(
                "prompt", f"holds a word of {len(unit.ids)} vectors", f"at most {self.room} are read at once"
            )
        full = self.size + len(unit.ids) > self.room
        if full:
            self.close()
        self.chunk.append(unit)
        self.size += len(unit.ids)
        return full

    def behind(self, place: int) -> int:
        """How many ids stand from the unit `place` on."""
        return sum(len(unit.ids) for unit in self.chunk[place:])

    def done(self) -> list[list[Unit]]:
        return [*self.closed, self.chunk] if self.chunk else self.closed
