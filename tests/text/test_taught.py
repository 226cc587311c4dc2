"""Taught words in a text: what is a name and what is not, and that none is cut in two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mezzotint.families.toy import letters
from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.pieces import t5_pieces
from mezzotint.text.t5 import T5Tokenizer
from mezzotint.text.taught import cut, marked, spoken
from mezzotint.text.vocabulary import SMALLEST

NAMES = ("cat", "cat toy", "<dog>", "bad_hand-v4", "sub/x.pt")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a cat", ["cat"]),
        ("a CAT, a Cat.", ["cat", "cat"]),
        ("a cat toy", ["cat toy"]),
        ("cats concat cat_2 cat2 embedding:cats", []),
        ("(cat:1.2) [cat] cat-like", ["cat", "cat", "cat"]),
        ("a<dog>b <dog><dog>", ["<dog>", "<dog>", "<dog>"]),
        ("embedding:cat EMBEDDING:<dog>", ["cat", "<dog>"]),
        ("bad_hand-v4, bad_hand-v44", ["bad_hand-v4"]),
        ("embedding:sub/x.pt, x.pt", ["sub/x.pt"]),
        ("", []),
    ],
)
def test_names_are_whole_words(text: str, found: list[str]) -> None:
    parts = list(spoken(text, NAMES))
    assert [name for _, name in parts if name] == found
    assert "".join(part for part, _ in parts) == text
    assert list(spoken(text, ())) == [(text, None)]


def test_the_mark_is_a_part_of_the_name() -> None:
    assert list(spoken("x embedding:cat y", NAMES)) == [("x ", None), ("embedding:cat", "cat"), (" y", None)]
    assert list(spoken("myembedding:cat", NAMES)) == [("myembedding:", None), ("cat", "cat")]


def test_marked_names_are_listed_once() -> None:
    text = "(embedding:a.pt:1.2), embedding:sub/b. Embedding:<x> embedding: embedding:a.pt [embedding:c,d]"
    assert marked(text) == ("a.pt", "sub/b", "c")


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=5), max_size=4))
def test_the_parts_of_any_text_are_the_text(text: str, names: list[str]) -> None:
    parts = list(spoken(text, names))
    assert "".join(part for part, _ in parts) == text and all(part for part, _ in parts if text)
    assert {name for _, name in parts} <= {None, *names}


def test_what_does_not_fit_whole_is_cut_with_all_that_follows() -> None:
    made = ((1,), (7, 8, 9), (2,))
    assert cut(made, 5) == ((1, 7, 8, 9, 2), 0)
    assert cut(made, 4) == ((1, 7, 8, 9), 1)
    assert cut(made, 3) == ((1,), 4)
    assert cut(made, 0) == ((), 5)


def test_tokenizers_put_the_ids_of_a_name_into_its_place() -> None:
    vocab, merges = letters()
    clip = ClipTokenizer.from_files(vocab, merges, pad=SMALLEST - 1, length=12)
    taught = {"cat": (900, 901, 902)}
    a, b = clip.ids("a"), clip.ids("b")
    assert clip.padded("a Cat b", taught) == ((clip.bos, *a, 900, 901, 902, *b, *(clip.eos,) * 6), 0)
    assert clip.padded("a cat b") == clip.padded("a cat b", {"dog": (900,)})
    long, lost = clip.padded("a a a a a a a a cat b", taught)
    assert long == (clip.bos, *a * 8, clip.eos, clip.eos, clip.eos) and lost == 4
    t5 = T5Tokenizer.from_pieces(t5_pieces(), 6)
    assert t5.ids("red ") == t5.ids("red") and len(t5.ids("red")) == 1
    assert t5.padded("red cat", taught) == ((*t5.ids("red"), 900, 901, 902, 1, 0), 0)
    assert t5.padded("red red red cat red", taught) == ((*t5.ids("red") * 3, 1, 0, 0), 4)
