"""ComfyUI's prompt language: which brackets count, weights that replace and weights that multiply."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text import comfy
from mezzotint.text.prompt import Run
from mezzotint.values.errors import BadValue

UP = 1.1


def runs(text):
    (segment,) = comfy.attention(text).segments
    return [(run.text, run.weight) for run in segment]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", [("a cat", 1)]),
        ("a (cat)", [("a ", 1), ("cat", UP)]),
        ("((cat))", [("cat", UP * UP)]),
        ("(a (b:1.5) c:0.5)", [("a ", 0.5), ("b", 1.5), (" c", 0.5)]),
        ("(a (b) c:0.5)", [("a ", 0.5), ("b", 0.5 * UP), (" c", 0.5)]),
        ("[a] AND b BREAK", [("[a] AND b BREAK", 1)]),
        (r"\(a\) (b\):2)", [("(a) ", 1), ("b)", 2)]),
        ("(a:x)", [("a:x", UP)]),
        ("(:2)", [(":2", UP)]),
        ("(a:1e1)", [("a", 10)]),
        ("(a", [("(a", 1)]),
        ("(a (b)", [("a ", UP), ("(b", UP)]),
        ("a) (b) c", [("a) (b) c", 1)]),
        ("()", []),
        ("", []),
    ],
)
def test_weights(text, expected):
    assert runs(text) == expected


@pytest.mark.parametrize("weight", ["nan", "inf", "-inf", "1e308", "1e400", "2000"])
def test_a_weight_that_no_picture_can_have_is_refused(weight):
    with pytest.raises(BadValue, match="gives 'a' the weight"):
        comfy.timeline(f"(a:{weight})", 1)


def items(text):
    """The outermost brackets of a text, found the slow way: by walking it with a counter."""
    found, here, depth = [], "", 0
    for c in text:
        if c == "(" and depth == 0:
            found.append(here)
            here = ""
        here += c
        depth += (c == "(") - (c == ")")
        if c == ")" and depth == 0:
            found.append(here)
            here = ""
    return [item for item in [*found, here] if item]


def slowly(text, weight=1.0):
    """The rule of ComfyUI, as short as it can be said."""
    for item in items(text):
        if len(item) < 2 or (item[0], item[-1]) != ("(", ")"):
            yield item, weight
            continue
        words, colon, tail = item[1:-1].rpartition(":")
        try:
            assert words
            yield from slowly(words, float(tail))
        except (ValueError, AssertionError):
            yield from slowly(words + colon + tail, weight * UP)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["(", ")", "(", ")", ":", "1.2", "3", "a", " "]), max_size=24).map("".join))
def test_brackets_pair_as_in_the_rule_read_slowly(text):
    assert runs(text) == [(words, weight) for words, weight in slowly(text) if words]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\()"), max_size=60))
def test_text_without_brackets_means_itself(text):
    assert comfy.attention(text).segments == ((Run(text),) if text else (),)
