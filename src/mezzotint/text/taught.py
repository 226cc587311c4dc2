"""Taught words: where their names stand in a text, and what a tokenizer makes of such a text.

Takes a text and names. Gives the text in parts, and from the parts its units: the ids of one token, or all ids of one
taught word, which is never cut in two. Ids of taught words follow those of the vocabulary. Knows no vectors.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

Ids = tuple[int, ...]
Taught = Mapping[str, Ids]
"""What each name stands for."""

NOTHING: Taught = MappingProxyType({})
PREFIX = "embedding:"
"""ComfyUI's mark before the name of a taught word; A1111 and diffusers have none."""
_MARKED = re.compile(r"(?<!\w)embedding:([^\s()\[\]{}<>|,:;\\]{1,200})", re.IGNORECASE)


def spoken(text: str, names: Collection[str]) -> Iterator[tuple[str, str | None]]:
    """`text` in parts: ordinary ones with None, and every name, marked or not, with the spelling in `names`.

    A name is found as a whole word, whatever the case of its letters; of two that begin alike the longer one is meant.
    """
    order = sorted(filter(None, names), key=len, reverse=True)
    if not order:
        yield text, None
        return
    ways = "|".join(f"({_whole(name)})" for name in order)
    start = 0
    for found in re.finditer(f"(?:(?<!\\w){PREFIX})?(?:{ways})", text, re.IGNORECASE):
        if found.start() > start:
            yield text[start : found.start()], None
        yield found[0], order[(found.lastindex or 1) - 1]
        start = found.end()
    if start < len(text):
        yield text[start:], None


def _whole(name: str) -> str:
    before = r"(?<!\w)" if re.match(r"\w", name) else ""
    after = r"(?!\w)" if re.search(r"\w$", name) else ""
    return before + re.escape(name) + after


def marked(text: str) -> tuple[str, ...]:
    """The names that stand behind the mark in `text`, each once; a full stop at the end is none of theirs."""
    return tuple(dict.fromkeys(name for found in _MARKED.finditer(text) if (name := found[1].rstrip(".!?"))))


def units(text: str, taught: Taught, ids: Callable[[str], Ids]) -> tuple[Ids, ...]:
    """The units of `text`; `ids` gives those of an ordinary part, each a unit of its own."""
    made: list[Ids] = []
    for part, name in spoken(text, taught):
        made += [(i,) for i in ids(part)] if name is None else [taught[name]]
    return tuple(made)


def cut(made: tuple[Ids, ...], room: int) -> tuple[Ids, int]:
    """The ids of the first whole units that fit into `room` places, and how many ids come after them."""
    kept: list[int] = []
    for place, unit in enumerate(made):
        if len(kept) + len(unit) > room:
            return tuple(kept), sum(map(len, made[place:]))
        kept += unit
    return tuple(kept), 0
