"""Where prompts are cut: chunks of A1111, ComfyUI and compel, by closed forms and by the rule read slowly."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text.chunks import (
    Cutting,
    Frame,
    Unit,
    at_commas,
    at_sentences,
    by_words,
    chunks,
    cut_off,
    framed,
    spaced,
    tightly,
    whole,
)
from mezzotint.text.prompt import Passage, Run
from mezzotint.values.errors import BadValue

COMMA = 0
FRAME = Frame((100,), 101, 102, 77, comma=COMMA)
A1111, COMFY, PLAIN = Cutting(whole, at_commas), Cutting(spaced, by_words), Cutting(whole, cut_off)


def ids(text):
    """A tokenizer of digits and commas: every digit is a token, spaces are none."""
    return tuple(COMMA if c == "," else int(c) for c in text if c != " ")


def cut(text, how, taught=None, frame=FRAME):
    runs = tuple((Run(segment),) if segment else () for segment in text.split("|"))
    found = chunks(Passage(runs), frame, taught or {}, ids, how)
    return ["".join(str(i) for i, run in zip(c.ids, c.runs, strict=True) if run >= 0) for c in found]


def test_a_chunk_has_a_start_an_end_and_padding():
    runs = ((Run("12"), Run("3", 1.5)),)
    (chunk,) = chunks(Passage(runs), Frame((100,), 101, 102, 8), {}, ids, A1111)
    assert chunk.ids == (100, 1, 2, 3, 101, 102, 102, 102)
    assert chunk.weights == (1, 1, 1, 1.5, 1, 1, 1, 1)
    assert chunk.runs == (-1, 0, 0, 1, -1, -1, -1, -1)
    assert framed((), Frame((), 1, 0, 3)).ids == (1, 0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1" * 75, ["1" * 75]),
        ("1" * 76, ["1" * 75, "1"]),
        ("1" * 60 + "," + "2" * 14, ["1" * 60 + "0" + "2" * 14]),
        ("1" * 60 + "," + "2" * 16, ["1" * 60 + "0", "2" * 16]),
        ("1" * 54 + "," + "2" * 30, ["1" * 54 + "0" + "2" * 20, "2" * 10]),
        ("1" * 55 + "," + "2" * 30, ["1" * 55 + "0", "2" * 30]),
        ("1" * 75 + "," + "2" * 75, ["1" * 75, "0" + "2" * 74, "2"]),
        ("1|2", ["1", "2"]),
        ("1||2", ["1", "", "2"]),
        ("1|", ["1"]),
        ("|1", ["", "1"]),
        ("", [""]),
    ],
)
def test_a1111_goes_back_to_a_comma(text, expected):
    assert cut(text, A1111) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1" * 75 + " 2", ["1" * 75, "2"]),
        ("1" * 70 + " " + "2" * 7, ["1" * 70, "2" * 7]),
        ("1" * 70 + " " + "2" * 8, ["1" * 70 + "2" * 5, "222"]),
        ("1 \n 2", ["12"]),
        ("1" * 160, ["1" * 75, "1" * 75, "1" * 10]),
        ("", [""]),
    ],
)
def test_comfy_keeps_short_words_whole(text, expected):
    assert cut(text, COMFY) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1" * 75, ["1" * 75]),
        ("16" + "1" * 10 + "7" + "1" * 70, ["16", "1" * 10 + "7", "1" * 70]),
        ("17" + "1" * 10 + "8" + "1" * 70, ["17", "1" * 10 + "8", "1" * 70]),
        ("1" * 10 + "8" + "2" * 70, ["1" * 10 + "8", "2" * 70]),
        ("1" * 100, ["1" * 75, "1" * 25]),
        ("1" * 74 + "6" + "2", ["1" * 74 + "6", "2"]),
        ("1" * 75 + "6" + "2", ["1" * 75, "62"]),
        ("", [""]),
    ],
)
def test_compel_goes_back_to_the_end_of_a_sentence(text, expected):
    """6 is a full stop, 7 a comma and 8 ends a word."""
    frame = Frame((100,), 101, 102, 77, token=lambda id: {6: ".</w>", 7: ",</w>", 8: "x</w>"}.get(id, "x"))
    assert cut(text, Cutting(whole, at_sentences), frame=frame) == expected


def test_plain_text_is_cut_off():
    assert cut("1" * 100, PLAIN) == ["1" * 75]
    assert cut("1" * 100, Cutting(whole, tightly)) == ["1" * 75, "1" * 25]


@pytest.mark.parametrize("how", [A1111, COMFY, Cutting(whole, tightly), Cutting(whole, at_sentences)])
def test_a_taught_word_is_never_cut(how):
    taught = {"word": (7, 8, 9)}
    assert cut("1" * 73 + " word 2", how, taught) == ["1" * 73, "7892"]
    assert cut("1" * 72 + " word 2", how, taught) == ["1" * 72 + "789", "2"]


def test_a_word_longer_than_a_chunk_and_too_many_chunks_are_refused():
    with pytest.raises(BadValue, match="a word of 76 vectors"):
        cut("word", A1111, {"word": (1,) * 76})
    with pytest.raises(BadValue, match="1001 chunks of tokens"):
        cut("1" + "|1" * 1000, A1111)


def slowly(tokens, room):
    """A1111's rule on bare tokens, as its interface tells it: one list, cut back behind the last near comma."""
    done, here, comma = [], [], -1
    for token in tokens:
        if token == COMMA:
            comma = len(here)
        elif len(here) == room and comma != -1 and room - comma <= 20:
            moved = here[comma + 1 :]
            done.append(here[: comma + 1])
            here, comma = moved, -1
        if len(here) == room:
            done.append(here)
            here, comma = [], -1
        here.append(token)
    return [*done, here] if here or not done else done


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([0, 1, 1, 1, 2, 3]), max_size=120), st.sampled_from([6, 22, 30]))
def test_a1111_as_told(tokens, length):
    frame = Frame((100,), 101, 102, length, comma=COMMA)
    text = "".join("," if token == COMMA else str(token) for token in tokens)
    assert cut(text, A1111, frame=frame) == ["".join(map(str, c)) for c in slowly(tokens, length - 2)]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(1, 12), max_size=30), st.sampled_from([at_commas, at_sentences, by_words, tightly])
)
def test_nothing_is_lost_or_doubled(sizes, fill):
    words = [tuple(Unit((n,), 1.0, 0) for _ in range(size)) for n, size in enumerate(sizes)]
    found = fill(words, Frame((100,), 101, 102, 12))
    assert [u for chunk in found for u in chunk] == [u for word in words for u in word]
    assert all(0 < sum(len(u.ids) for u in chunk) <= 10 for chunk in found)
