"""Prompts made to break parsers: every dialect reads them in linear time or refuses them with a typed error."""

import sys
from math import isfinite
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text.chunks import chunks
from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.grammar import DIALECTS, read
from mezzotint.text.mending import cleaned
from mezzotint.text.open_clip import as_open_clip
from mezzotint.text.pieces import t5_pieces
from mezzotint.text.prompt import Mix
from mezzotint.text.t5 import T5Tokenizer
from mezzotint.text.vocabulary import clip_vocabulary
from mezzotint.text.wildcards import resolve
from mezzotint.values.errors import BadValue, MezzotintError
from mezzotint.values.recipe import MAX_PROMPT

HOSTILE = {
    "100,000 tokens": "a " * 100_000,
    "1 MB without spaces": "x" * 2**20,
    "unbalanced": "(" * 10_000,
    "unbalanced around a word": "(" * 10_000 + "a" + "]" * 10_000,
    "huge weight": "(a:1e308)",
    "no number": "(a:nan)",
    "endless weight": "(a:-inf)",
    "unclosed schedule": "[a:b:0.5",
    "a path as a network": "<lora:../../x:1>",
    "breaks": "BREAK " * 1000,
    "control characters": "".join(map(chr, range(1, 32))),
    "NUL": "a\0b",
    "right to left": "\u202eabc\u202c (x:1.2)",
    "half a surrogate": "a \ud800 (b)",
    "joined emoji": "👩\u200d👩\u200d👧 (👩:1.2)",
    "end of text": "<|endoftext|> (a)<|startoftext|>",
    "empty": "",
    "only commas": "," * 1000,
    "HTML in HTML": "&" + "amp;" * 10_000,
    "colours of a terminal": "\x1b[1;" * 1000,
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_prompts_are_read_or_refused(dialect, name):
    try:
        said = read(dialect, HOSTILE[name], 20).parts
    except MezzotintError as error:
        said = error.hint
    assert said


@pytest.fixture(scope="module")
def clip():
    return ClipTokenizer.from_files(*clip_vocabulary(), pad=49407, length=77)


@pytest.fixture(scope="module")
def ways(clip):
    """Every way from a text to ids that a family has."""
    return {
        "clip": clip.ids,
        "open_clip": as_open_clip(clip),
        "t5": T5Tokenizer.from_pieces(t5_pieces(), 77).ids,
    }


def passages(dialect, text):
    """All that a text, as long as a recipe's may be, says at its first step; nothing of one that is refused."""
    try:
        said = read(dialect, text[:MAX_PROMPT], 20).at(0)
    except MezzotintError:
        return []
    contents = [content for _, content in said]
    return [p for c in contents for p in (c.passages if isinstance(c, Mix) else (c,))]


def made(clip, dialect, text, ids):
    """The chunks of a text; none of one that is refused."""
    how = DIALECTS[dialect].cutting
    try:
        return [c for one in passages(dialect, text) for c in chunks(one, clip.frame, {}, ids, how)]
    except MezzotintError:
        return []


@pytest.mark.parametrize("way", ["clip", "open_clip", "t5"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_prompts_become_chunks_or_are_refused(clip, ways, dialect, name, way):
    found = made(clip, dialect, HOSTILE[name], ways[way])
    assert all(len(chunk.ids) == len(chunk.weights) == len(chunk.runs) == 77 for chunk in found)
    if dialect == "plain" and "surrogate" not in name:
        assert len(found) == 1


SIGNS = [*"()[]:|\\{}+-.,\"'&;<> ", "a", "AND", "BREAK", "1.5", "nan", "\0", "\ud800", "👩\u200d", "&lt;"]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(SIGNS) | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_becomes_chunks_or_is_refused(clip, ways, text):
    for dialect in DIALECTS:
        for way in ("clip", "open_clip"):
            found = made(clip, dialect, text, ways[way])
            assert all(len(chunk.ids) == 77 for chunk in found)
            assert all(isfinite(weight) for chunk in found for weight in chunk.weights)


@pytest.mark.parametrize("way", ["clip", "open_clip"])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ["caf\u00e9 (na\u00efve:1.2)", "A\u030a"])
def test_composed_and_decomposed_letters_give_the_same_tokens(ways, dialect, text, way):
    def tokens(form):
        (segment,) = read(dialect, normalize(form, text), 1).still.segments
        return [(ways[way](run.text), run.weight) for run in segment]

    assert tokens("NFC") == tokens("NFD")


UNITS = [
    "(a",
    "[a",
    "a)",
    "(a:1.1)",
    "[a:b:3]",
    "[a|b]",
    "(a:",
    ":",
    "|",
    " ",
    "\\",
    "BREAK ",
    " AND ",
    '"a',
    "a+",
]
UNITS += [
    "(" * 5 + "x" + ")" * 4,
    "[(a:1.2):b:0.3]",
    "{a|b}",
    "__a",
    "a,b ",
    "<a:b>",
    "1.5",
    "(a)+ ",
    "&amp;",
    "\x1b[1m",
]


def calls(function, text):
    """How many functions, ours and those written in C, are called."""
    count = 0

    def counting(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counting)
    try:
        function(text)
    except BadValue:
        pass
    finally:
        sys.setprofile(None)
    return count


READERS = {name: (lambda text, name=name: read(name, text, 8)) for name in DIALECTS}
READERS["open_clip"] = cleaned
READERS["wildcards"] = lambda text: resolve(text, 0, lambda name: ["a"])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("unit", UNITS)
def test_twice_the_text_is_at_most_twice_the_work(reader, unit):
    short, long = (calls(READERS[reader], unit * n) for n in (200, 400))
    assert long <= 2.5 * short


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("depth", [200, 400])
def test_nesting_costs_no_more_than_length(reader, depth):
    text = "(a [b:" * depth + "x" + ":3] c)" * depth
    assert calls(READERS[reader], text) < 200 * len(text)


def test_the_count_of_work_sees_quadratic_work():
    def quadratic(text):
        return [len(text) for _ in text for _ in text]

    assert calls(quadratic, "a" * 40) > 2.5 * calls(quadratic, "a" * 20)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("unit", UNITS)
def test_thirty_thousand_characters_are_no_matter(dialect, unit):
    # Quadratic work inside one call, as of a regular expression, would take minutes here.
    try:
        said = read(dialect, unit * (30_000 // len(unit)), 2).parts
    except BadValue as error:
        said = error.hint
    assert said
