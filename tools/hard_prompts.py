"""Makes the prompts that tokenizers are compared on: seeded, in many scripts, and as hard as texts get.

Gives the same 10,000 texts on every machine and every Python: its letters come from ranges that are written here, all
of which Unicode had filled by version 9, and none is half a surrogate.
"""

import random
from collections.abc import Callable, Sequence
from hashlib import sha256
from unicodedata import normalize

COUNT = 10_000
SEED = 2026
WORDS = (
    "a photo of an astronaut riding horse on mars masterpiece best quality 4k 8k highly detailed oil painting by greg"
    " rutkowski trending artstation cinematic light portrait woman man cat dog castle forest sunset neon city cyberpunk"
    " watercolor bokeh 35mm f/1.8 unreal-engine hdr ultra-realistic in the style anime girl with red hair blue eyes"
).split()
RANGES = (
    "0021-007E 00A1-00AC 00AE-00FF 0100-017F 0180-024F 0250-02AF 02B0-02FF 0300-036F 0391-03A1 03A3-03FF 0400-04FF"
    " 0531-0556 0561-0586 05D0-05EA 0621-064A 0660-0669 0905-0939 093E-094C 0966-096F 0985-098C 0A05-0A0A 0B85-0B8A"
    " 0C05-0C0C 0E01-0E3A 0E40-0E5B 0E81-0E82 0F40-0F47 10A0-10C5 10D0-10F6 1100-1159 1200-1206 13A0-13F4 1401-1500"
    " 1780-17B3 1820-1842 1E00-1EF9 1F00-1F15 1FB6-1FC4 2010-2027 2030-205E 2070-2071 2074-208E 20A0-20B5 2100-213A"
    " 2153-2183 2190-2300 2460-24EA 2500-25FF 2600-26FF 2701-2704 2E80-2E99 3001-303F 3041-3096 30A1-30FA 3105-312C"
    " 3131-318E 3200-321C 3300-33FE 3400-4DB5 4E00-9FA5 A000-A48C AC00-D7A3 F900-FA2D FB00-FB06 FB13-FB17 FB1F-FB36"
    " FE70-FE74 FF01-FF5E FF61-FFBE FFE0-FFE6 10330-1034A 10400-1044F 12000-1236E 1D11E-1D122 1D400-1D454 1D7CE-1D7FF"
    " 1F100-1F10A 1F300-1F320 1F330-1F335 1F600-1F610 1F680-1F6C5 20000-2A6D6"
)
SCRIPTS = [tuple(int(end, 16) for end in pair.split("-")) for pair in RANGES.split()]
SPACES = (
    " ",
    "  ",
    "\r\n",
    *"\t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
)
CONTROLS = (
    *map(chr, (*range(0x20), *range(0x7F, 0xA0))),
    *"\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2069\u206a\u206f",
    *"\ufeff\ufff9\ufffb\ufffc\ufffd\U000e0041",
)
EMOJI = (
    "😀 👩 👨\u200d👩\u200d👧\u200d👦 👍🏽 🇩🇪 🇯🇵🇫🇷 ❤\ufe0f ❤\ufe0e 1\ufe0f\u20e3 🏴\u200d☠\ufe0f 🧑🏿\u200d🚀"
    " 👩\u200d❤\ufe0f\u200d💋\u200d👨"
).split()
LITERALS = (
    "<|endoftext|> <|startoftext|> <|ENDOFTEXT|> <|endoftext |> <start_of_text> <end_of_text> <END_OF_TEXT> </w>"
    " cat</w> <pad> </s> <unk> <extra_id_0> <extra_id_99> <lora:x:1> ▁ Ġa [MASK] ## @@ BREAK AND (a:1.2) [a|b] \\( \\)"
    " {a|b} __x__ <|endoftext|><|endoftext|> !<end_of_text> <end_of_text><end_of_text>"
).split()
ENTITIES = (
    "&amp; &lt; &gt; &quot; &#39; &#x27; &nbsp; &eacute; &EACUTE; &copy &amp;amp; &amp;lt;b&amp;gt; &notit; &hellip;"
    " &rsquo; &#0; &#128; &#x110000; &#xD800; &#1234567890123; &bogus; &; & AT&T &lt;|endoftext|&gt; &#8217;s"
    " &amp;amp;quot; &frac12; &NotEqualTilde; &shy; &zwj; &ThickSpace;"
).split()
ENDINGS = "'s 't 're 've 'm 'll 'd 'S 'T 'LL 'Re n't 'sx '' '\u017f \u2019s \u2018s \u02bcs \u02bbs".split()
QUOTES = "\u201c \u201d \u201e \u201f \u2018 \u2019 \u201a \u201b « » \u2039 \u203a \" ' ` \u00b4 \u2032 \u2033".split()
SIGNS = [*"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", *"... !!! ?! -- —— … :: #1 $5".split(), ", ", ". "]
FOLDED = (
    "\u0130 \u0131 ß ẞ \u017f \u212a \u212b Σ ς ΑΣ ΟΔΟΣ ΣΑΣ. ŉ ǰ ΐ \ufb00 \ufb01 \ufb03 \ufb05 \ufb06 ǅ Ǉ ĳ ᾳ ᾼ ẖ Ⅷ ½ ²"
    " ⁵ ① ㎏ ™ № ℃ \uffe1 \uff21\uff42\uff19 \uff8a\uff9f \uff76\uff9e \uffa1"
).split()


def _letters(chance: random.Random) -> str:
    first, last = chance.choice(SCRIPTS)
    return "".join(chr(chance.randint(first, last)) for _ in range(chance.randint(1, 12)))


def _mixed(chance: random.Random) -> str:
    return "".join(chr(chance.randint(*chance.choice(SCRIPTS))) for _ in range(chance.randint(1, 8)))


def _word(chance: random.Random) -> str:
    word = chance.choice(WORDS)
    return chance.choice((word, word, word.upper(), word.title(), word + chance.choice(ENDINGS)))


def _made(chance: random.Random) -> str:
    return "".join(chance.choice("abcdefghijklmnopqrstuvwxyzABCXYZ") for _ in range(chance.randint(1, 25)))


def _accented(chance: random.Random) -> str:
    text = "".join(
        chance.choice("aeionsuyAEIONSUYcKÅ한각") + chance.choice(["", "\u0301", "\u0308", "\u0323\u0307"])
        for _ in "six123"
    )
    return normalize(chance.choice(("NFC", "NFD")), text)


def _digits(chance: random.Random) -> str:
    return chance.choice(("{}", "{:,}", "{}px", "-{}.5", "{:x}", "v{}")).format(chance.randint(0, 10**9))


def _run(chance: random.Random) -> str:
    return chance.choice(
        ("a", "!", "7", "é", " ", "日", "👍", "'", "ab", "-_", "\u0301", "\u200d")
    ) * chance.randint(20, 300)


def _one(of: Sequence[str]) -> Callable[[random.Random], str]:
    return lambda chance: chance.choice(of)


PIECES: tuple[tuple[Callable[[random.Random], str], int], ...] = (
    (_word, 14),
    (_letters, 6),
    (_mixed, 2),
    (_made, 3),
    (_accented, 3),
    (_digits, 3),
    (_run, 1),
    (_one(SPACES), 3),
    (_one(CONTROLS), 2),
    (_one(EMOJI), 3),
    (_one(LITERALS), 2),
    (_one(ENTITIES), 3),
    (_one(ENDINGS), 2),
    (_one(QUOTES), 2),
    (_one(SIGNS), 4),
    (_one(FOLDED), 2),
)


def prompts(count: int = COUNT) -> list[str]:
    """The first `count` of the prompts."""
    chance = random.Random(SEED)
    makers, weights = zip(*PIECES, strict=True)
    made: list[str] = []
    for _ in range(count):
        pieces = [make(chance) for make in chance.choices(makers, weights, k=chance.randint(1, 14))]
        made.append("".join(piece + chance.choice(("", " ", " ", " ", ", ")) for piece in pieces))
    return made


def digest(texts: list[str]) -> str:
    """The sha256 of all texts: that of the 10,000 stands in the golden files, so that no change of them goes unseen."""
    return sha256("\0".join(texts).encode()).hexdigest()
