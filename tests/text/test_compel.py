"""compel's prompt language: signs, groups, quotes, joined and blended texts, by answers of compel 2.5.1."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text import compel
from mezzotint.text.prompt import Mix, Passage, Run
from mezzotint.values.errors import BadValue


def runs(text):
    content = compel.timeline(text, 1).still
    assert isinstance(content, Passage)
    return [(run.text, pytest.approx(run.weight)) for run in content.segments[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", [("a cat", 1)]),
        ("a cat+ sits", [("a", 1), ("cat", 1.1), ("sits", 1)]),
        ("cat--", [("cat", 0.81)]),
        ("(a cat)++ sits", [("a cat", 1.21), ("sits", 1)]),
        ("(a cat)1.3", [("a cat", 1.3)]),
        ("(a (big)+ cat)0.5", [("a", 0.5), ("big", 0.55), ("cat", 0.5)]),
        ('"a cat"+ x', [("a cat", 1.1), ("x", 1)]),
        ('"a (cat)+" x', [("a", 1), ("cat", 1.1), ("x", 1)]),
        ("(a cat) x", [("a cat x", 1)]),
        ("(a cat) + x", [("a cat + x", 1)]),
        (r"\(a\)+ b", [("(a)", 1.1), ("b", 1)]),
        ("self-made+ x", [("self-made", 1.1), ("x", 1)]),
        ("a+b C++x", [("a+b", 1), ("C", 1.21), ("x", 1)]),
        ("cat+,dog", [("cat", 1.1), (", dog", 1)]),
        ("(a", [("(a", 1)]),
        ("a)+ b", [("a)+ b", 1)]),
        ('say "a (b" c)+ ', [("say a (b c)+", 1)]),
        ("", []),
        ("(f/1.8, a...b)+ f1.8", [("f/1 . 8 , a . . . b", 1.1), ("f1.8", 1)]),
        ("a,,b", [("a, ,b", 1)]),
    ],
)
def test_weights(text, expected):
    assert runs(text) == expected


def test_texts_one_after_the_other():
    assert compel.timeline('("a cat", "a dog+").and(1, 0.5)', 1).still == Mix(
        (Passage(((Run("a cat"),),)), Passage(((Run("a"), Run("dog", 1.1)),))),
        (1, 0.5),
        blend=False,
        pooled='("a cat", "a dog+").and(1, 0.5)',
    )
    assert compel.timeline("(cat, dog).and()", 1).still.weights == (1, 1)


def test_blends_sum_to_one_unless_asked_not_to():
    assert compel.timeline('("a", (b)).blend(1, 3)', 1).still == Mix(
        (Passage(((Run("a"),),)), Passage(((Run("b"),),))),
        (0.25, 0.75),
        blend=True,
        pooled='("a", (b)).blend(1, 3)',
    )
    assert compel.timeline('("a", "b").blend(1, 3, no_normalize)', 1).still.weights == (1, 3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("cat.swap(dog)", "not supported"),
        ("a withLora(x, 0.5)", "not supported"),
        ('("a", "b").or()', "not known"),
        ('("a", "b").and(1)', "gives 1 weights to 2 texts"),
        ('("a", "b").blend(1, x)', "'x', which is no number"),
        ('("a", "b").blend(1, -1)', "sum to 0"),
        ('("a", +).and()', "not understood"),
        ("().and()", "0 texts"),
        ("a" + "+" * 1000, "gives"),
        ("(a)5000.0", "the weight 5000"),
    ],
)
def test_what_cannot_be_done_is_refused(text, reason):
    with pytest.raises(BadValue, match=reason):
        compel.timeline(text, 1)


def test_minus_without_end_is_nothing():
    assert runs("a" + "-" * 1000) == [("a", 0.0)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([*'()"+-,. .\\', "a", "cat", "1.2", ".and(", ".blend("])).map("".join))
def test_no_text_breaks_the_parser(text):
    try:
        content = compel.timeline(text, 1).still
    except BadValue:
        return
    assert content is not None


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text("abc éü123'!?", max_size=60))
def test_text_without_special_characters_means_itself(text):
    words = " ".join(text.split())
    assert runs(text) == ([(words, 1)] if words else [])
