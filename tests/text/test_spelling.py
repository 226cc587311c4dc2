"""Prompts written in other languages: what comes back is what was said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text.grammar import DIALECTS, read
from mezzotint.text.prompt import Passage, Run, always, passage
from mezzotint.text.spelling import Spelled, spell


@pytest.mark.parametrize(
    ("text", "dialect", "to", "expected"),
    [
        ("a (big) [red] cat", "a1111", "comfy", "a (big:1.1) (red:0.9090909090909091) cat"),
        ("(a (b:1.5) c:0.5)", "comfy", "a1111", "(a :0.5)(b:1.5)( c:0.5)"),
        ("a (big:1.5) cat", "a1111", "compel", "a (big)1.5 cat"),
        ("a cat++ (sits)0.5", "compel", "a1111", "a(cat:1.2100000000000002)(sits:0.5)"),
        (r"a \(b\) [c]", "comfy", "a1111", r"a \(b\) \[c\]"),
        ("a (b) [c]", "plain", "comfy", r"a \(b\) [c]"),
        ("a BREAK b", "a1111", "a1111", "a BREAK b"),
        ("(a:2)", "a1111", "compel", "(a)2.0"),
    ],
)
def test_spelled(text, dialect, to, expected):
    assert spell(read(dialect, text, 10), to) == Spelled(expected, ())


@pytest.mark.parametrize(
    ("text", "dialect", "to", "lost"),
    [
        ("[a:b:3]", "a1111", "comfy", "change over the steps"),
        ("a AND b", "a1111", "comfy", "AND"),
        ("a BREAK b", "a1111", "comfy", "BREAK"),
        ('("a", "b").blend()', "compel", "a1111", "blend"),
        ("a AND b", "comfy", "a1111", "something else"),
        ("a:2", "plain", "a1111", "something else"),
        ("C++", "plain", "compel", "something else"),
        ("(a:-1)", "comfy", "compel", "something else"),
    ],
)
def test_what_cannot_be_said_is_told(text, dialect, to, lost):
    spelled = spell(read(dialect, text, 10), to)
    assert spelled.text is None
    assert lost in " ".join(spelled.lost)


def test_plain_text_loses_the_weights_and_says_so():
    assert spell(read("a1111", "a (cat)", 1), "plain") == Spelled("a cat", ("weights",))


RUNS = st.lists(
    st.builds(
        Run, st.text(r"ab c,:()[]\"+-", min_size=1, max_size=8), st.floats(0.1, 3).map(lambda w: round(w, 3))
    ),
    max_size=5,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(RUNS, st.sampled_from(list(DIALECTS)))
def test_what_is_spelled_reads_the_same_in_every_dialect(runs, dialect):
    said = passage([runs])
    spelled = spell(always(said), dialect)
    if dialect == "plain" or spelled.text is None:
        assert spelled.text is not None or spelled.lost
        return
    back = read(dialect, spelled.text, 1).still
    assert isinstance(back, Passage)
    assert sorted("".join(back.text.split())) == sorted("".join(said.text.split()))
