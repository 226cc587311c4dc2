"""Prompts that leave something to chance: `{red|green} apple`, `{2$$a|b|c}`, `__colour__` from a file of lines.

Takes a text, a seed and the folders that files of lines lie in; gives the text that is drawn, which is what a recipe
holds. The forms are those of the dynamic prompts extension: `2$$`, `1-3$$` and `2$$ and $$` choose several, `0.5::a`
weighs an option, a name is a path below a folder without its ending. Equal seeds give equal texts.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mezzotint.text.prompt import number
from mezzotint.values.errors import BadValue, UnknownName, shorten

DEEPEST = 100
"""The deepest nesting of braces, and of files that name each other."""
MOST_LOOKUPS = 1000
"""The most lines that one prompt may take from files."""
MAX_FILE = 2**22
"""The largest file of lines that is read, in bytes."""
Lines = Callable[[str], Sequence[str]]
"""`name -> the lines to choose from`. Raises UnknownName."""

_TOKEN = re.compile(r"\\[{}]|[{}|]|[^\\{}|]+|\\")
_NAME = re.compile(r"__([^\W_](?:[\w \-/]*?[^\W_])??)__")
_COUNT = re.compile(r"\s*(\d{1,4})?(-)?(\d{1,4})?\$\$(?:([^$]{0,100})\$\$)?")
_WEIGHT = re.compile(r"\s*(\d{1,6}(?:\.\d{1,20})?|\.\d{1,20})::")


@dataclass(frozen=True)
class _Choice:
    """`least` to `most` of `options`, each with its weight, joined by `joiner`."""

    options: "tuple[tuple[float, tuple[_Item, ...]], ...]"
    least: int
    most: int
    joiner: str


_Item = str | _Choice


def resolve(text: str, seed: int, lines: Lines) -> str:
    """`text` with everything chosen. One that leaves nothing to chance comes back as it is.

    Raises UnknownName for a name without a file, BadValue for nesting deeper than `DEEPEST` and endless look-ups.
    """
    if not _NAME.search(text) and not ("{" in text and "}" in text):
        return text
    return _Chooser(random.Random(seed), lines).text(text, 0)


class _Chooser:
    def __init__(self, chance: random.Random, lines: Lines) -> None:
        self._chance = chance
        self._lines = lines
        self._looked_up = 0

    def text(self, text: str, depth: int) -> str:
        if depth > DEEPEST:
            raise BadValue("prompt", "names files that name each other without end", "check the wildcards")
        return self._said(_parsed(text), depth)

    def _said(self, items: Sequence[_Item], depth: int) -> str:
        return "".join(
            self._named(item, depth) if isinstance(item, str) else self._chosen(item, depth) for item in items
        )

    def _chosen(self, choice: _Choice, depth: int) -> str:
        options = list(choice.options)
        count = self._chance.randint(min(choice.least, len(options)), min(choice.most, len(options)))
        taken: list[str] = []
        for _ in range(count):
            weights = [weight for weight, _ in options]
            if not any(weights):
                break
            (index,) = self._chance.choices(range(len(options)), weights)
            taken.append(self._said(options.pop(index)[1], depth).strip())
        return choice.joiner.join(taken)

    def _named(self, text: str, depth: int) -> str:
        def line(found: re.Match[str]) -> str:
            self._looked_up += 1
            if self._looked_up > MOST_LOOKUPS:
                raise BadValue("prompt", f"takes more than {MOST_LOOKUPS} lines from files", "shorten it")
            return self.text(self._chance.choice(self._lines(found[1])), depth + 1)

        return _NAME.sub(line, text)


@dataclass
class _Open:
    """Braces that are still open: the items of each option so far."""

    pieces: list[list[_Item]]


def _parsed(text: str) -> list[_Item]:
    top: list[_Item] = []
    stack: list[_Open] = []
    for token in _TOKEN.findall(text):
        here = stack[-1].pieces[-1] if stack else top
        if token == "{":
            stack.append(_Open([[]]))
            if len(stack) > DEEPEST:
                raise BadValue("prompt", f"nests braces more than {DEEPEST} deep", "simplify it")
        elif token == "|" and stack:
            stack[-1].pieces.append([])
        elif token == "}" and stack:
            closed = stack.pop()
            (stack[-1].pieces[-1] if stack else top).extend(_closed(closed))
        else:
            here.append(token[1:] if token in ("\\{", "\\}") else token)
    for frame in stack:
        top += ["{", *_flat(frame)]
    return _joined(top)


def _joined(items: Sequence[_Item]) -> list[_Item]:
    """`items` with neighbouring texts as one, so that names across tokens are found."""
    found: list[_Item] = []
    words: list[str] = []
    for item in items:
        if isinstance(item, str):
            words.append(item)
            continue
        found += ["".join(words), item]
        words.clear()
    return [*found, "".join(words)]


def _flat(frame: _Open) -> list[_Item]:
    flat = list(frame.pieces[0])
    for piece in frame.pieces[1:]:
        flat += ["|", *piece]
    return flat


def _closed(frame: _Open) -> list[_Item]:
    """A choice; braces around a single text without a count are text."""
    pieces = [_joined(piece) for piece in frame.pieces]
    first = pieces[0][0]
    count = _COUNT.match(first) if isinstance(first, str) else None
    if count and (count[1] or count[3]):
        assert isinstance(first, str)
        pieces[0][0] = first[count.end() :]
    elif len(pieces) == 1:
        return ["{", *_flat(frame), "}"]
    else:
        count = None
    least, most = _bounds(count, len(pieces))
    joiner = ", " if count is None or count[4] is None else count[4]
    return [_Choice(tuple(map(_option, pieces)), least, most, joiner)]


def _bounds(count: re.Match[str] | None, options: int) -> tuple[int, int]:
    if count is None:
        return 1, 1
    least = int(count[1] or 0) if count[2] else int(count[1])
    most = int(count[3] or options) if count[2] else least
    return min(least, most), max(least, most)


def _option(piece: list[_Item]) -> tuple[float, tuple[_Item, ...]]:
    first = piece[0]
    found = _WEIGHT.match(first) if isinstance(first, str) else None
    if not found:
        return 1.0, tuple(piece)
    return number(found[1]), (found.string[found.end() :], *piece[1:])


def from_folders(folders: Sequence[Path]) -> Lines:
    """Lines of `NAME.txt` in the first of `folders` that has it; blank lines and those after `#` do not count."""

    def lines(name: str) -> Sequence[str]:
        for folder in folders:
            path = folder / f"{name}.txt"
            if path.is_file():
                return _read(path)
        known = [p.relative_to(f).with_suffix("").as_posix() for f in folders for p in f.rglob("*.txt")]
        raise UnknownName("wildcard", name, sorted(known)[:100])

    return lines


def _read(path: Path) -> Sequence[str]:
    try:
        if path.stat().st_size > MAX_FILE:
            raise BadValue("wildcard", f"{shorten(path.name)} has more than {MAX_FILE} bytes", "split it")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeError):
        raise BadValue(
            "wildcard", f"{shorten(path.name)} cannot be read as UTF-8", "check the file"
        ) from None
    found = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not found:
        raise BadValue("wildcard", f"{shorten(path.name)} has no lines", "add some")
    return found
