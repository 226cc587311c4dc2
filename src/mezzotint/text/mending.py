"""What open_clip does to a text before it looks for words: typographic signs become plain ones, HTML is undone.

Takes a text, gives a text in lower case with single spaces. The steps are those of ftfy 6.3 (`fix_text`), two rounds of
HTML entities, and `str.lower` (open_clip, `tokenizer.py`). One step of ftfy is left out: it guesses whether a text was
decoded in a wrong encoding, and would repair "cafÃ©". Knows no vocabulary.
"""

import html
import re
from collections.abc import Mapping
from html.entities import html5
from types import MappingProxyType
from unicodedata import normalize

ROUNDS = 40
"""The most times that a text is gone through. ftfy ends at a text that stays as it is, and a text could ask for as many
rounds as it has letters."""
_LIGATURES = (
    "Ĳ IJ,ĳ ij,ŉ \u02bcn,Ǳ DZ,ǲ Dz,ǳ dz,Ǆ DŽ,ǅ Dž,ǆ dž,Ǉ LJ,ǈ Lj,ǉ lj,Ǌ NJ,ǋ Nj,ǌ nj"
    ",ﬀ ff,ﬁ fi,ﬂ fl,ﬃ ffi,ﬄ ffl,ﬅ \u017ft,ﬆ st"
)
_LATIN: Mapping[str, str] = MappingProxyType({pair[0]: pair[2:] for pair in _LIGATURES.split(",")})
_WIDE = MappingProxyType({chr(c): normalize("NFKC", chr(c)) for c in (0x3000, *range(0xFF01, 0xFFF0))})
_QUOTES = MappingProxyType(
    dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'") | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
)
_LINES = MappingProxyType(dict.fromkeys("\r\u2028\u2029\x85", "\n"))
_CONTROLS = (*range(9), 11, *range(14, 32), 127, *range(0x206A, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFD))
_NOTHING = MappingProxyType(dict.fromkeys(map(chr, _CONTROLS), ""))
_WINDOWS = MappingProxyType(
    {chr(c): bytes([c]).decode("cp1252", "ignore") or chr(c) for c in range(0x80, 0xA0)}
)
_TABLES = tuple(str.maketrans(dict(table)) for table in (_WINDOWS, _LATIN, _WIDE, _QUOTES))
_LINE_TABLE, _NOTHING_TABLE = str.maketrans(dict(_LINES)), str.maketrans(dict(_NOTHING))
_ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,24};")
_COLOURS = re.compile(r"\x1b\[[\d;]*[a-zA-Z]")


def cleaned(text: str) -> str:
    """`text` as open_clip looks for words in it."""
    unescaped = html.unescape(html.unescape(mended(text))).strip()
    return " ".join(unescaped.split()).lower()


def mended(text: str) -> str:
    """`text` with plain quotes, letters and spaces, without control characters, in NFC.

    HTML entities are undone up to the first line that has a `<`, which may be HTML that is meant.
    """
    mended: list[str] = []
    markup = False
    for line in _lines(text):
        markup = markup or "<" in line
        mended.append(_mended(line, markup))
    return "".join(mended)


def _lines(text: str) -> list[str]:
    pieces = text.split("\n")
    return [piece + "\n" for piece in pieces[:-1]] + pieces[-1:]


def _mended(line: str, markup: bool) -> str:
    for _ in range(ROUNDS):
        before = line
        if not markup and "&" in line:
            line = _ENTITY.sub(_unescaped, line)
        for table in _TABLES:
            line = line.translate(table)
        line = _COLOURS.sub("", line.replace("\r\n", "\n").translate(_LINE_TABLE)).translate(_NOTHING_TABLE)
        line = normalize("NFC", line)
        if line == before:
            break
    return line


def _unescaped(found: re.Match[str]) -> str:
    """The character of an entity; of a name in capitals that HTML does not have, the capital of the one in small."""
    entity = found[0]
    if entity[1] == "#":
        character = html.unescape(entity)
        return entity if ";" in character else character
    name = entity[1:]
    if name in html5:
        return html5[name]
    small = name.lower()
    if name == small.upper() and small in html5 and html.unescape(entity) == entity:
        return html5[small].upper()
    return entity
