"""A1111's prompt language: weights, changes over the steps, AND, BREAK, by closed forms and recorded answers."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text import a1111, schedule
from mezzotint.text.prompt import Passage, Run
from mezzotint.values.errors import BadValue

RECORDED = json.loads((Path(__file__).parent / "schedules.json").read_text("utf-8"))["texts"]
UP = 1.1


def runs(text):
    (segment,) = a1111.attention(text).segments
    return [(run.text, pytest.approx(run.weight, rel=1e-12)) for run in segment]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("normal text", [("normal text", 1)]),
        ("an (important) word", [("an ", 1), ("important", UP), (" word", 1)]),
        ("(unbalanced", [("unbalanced", UP)]),
        ("a (b (c", [("a ", 1), ("b ", UP), ("c", UP**2)]),
        ("a [b", [("a ", 1), ("b", 1 / UP)]),
        (r"\(literal\]", [("(literal]", 1)]),
        (r"\\(a)", [("\\", 1), ("a", UP)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", UP)]),
        ("(a)b", [("a", UP), ("b", 1)]),
        ("(a:1.3)", [("a", 1.3)]),
        ("(a: 1.3 )", [("a", 1.3)]),
        ("(a:-2)", [("a", -2)]),
        ("((a:1.3))", [("a", 1.3 * UP)]),
        ("([a])", [("a", pytest.approx(1))]),
        ("a:1.3)", [("a:1.3)", 1)]),
        ("[x:0.5]", [("x:0.5", 1 / UP)]),
        ("a) b", [("a) b", 1)]),
        ("(a [b) c] d", [("a ", UP), ("b", 1), (" c", 1 / UP), (" d", 1)]),
        (
            "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
            [
                ("a ", 1),
                ("house", 1.3 * UP * UP),
                (" ", UP),
                ("on", 1),
                (" a ", UP),
                ("hill", 0.5 * UP),
                (", sun, ", UP),
                ("sky", UP**4),
                (".", UP),
            ],
        ),
        ("(a:nan)", [("a:nan", UP)]),
        ("(a:1e308)", [("a:1e308", UP)]),
        ("(a:-inf)", [("a:-inf", UP)]),
    ],
)
def test_weights(text, expected):
    assert runs(text) == expected


def test_break_begins_a_new_segment_and_takes_the_spaces_around_it():
    assert a1111.attention("a BREAK  (b BREAK c)BREAKER") == Passage(
        ((Run("a"),), (Run("b", UP),), (Run("c", UP), Run("BREAKER")))
    )


@pytest.mark.parametrize("weight", ["1.2.3", "...", "9" * 400, "1001"])
def test_a_weight_that_no_picture_can_have_is_refused(weight):
    with pytest.raises(BadValue, match="prompt: "):
        a1111.attention(f"(a:{weight})")


def test_a_thousand_brackets_overflow_into_a_typed_error():
    with pytest.raises(BadValue, match="gives 'a' the weight inf"):
        a1111.attention("(" * 10_000 + "a")
    assert a1111.attention("(" * 10_000) == Passage(((),))
    assert a1111.attention("[" * 10_000 + "a").segments[0][0].weight < 1e-300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a AND b", [("a", 1), (" b", 1)]),
        ("a :1.2 AND b:-0.5", [("a", 1.2), (" b", -0.5)]),
        ("a: 2 ", [("a", 2)]),
        ("a:2. AND b:.5", [("a", 2), (" b", 0.5)]),
        ("SAND and band", [("SAND and band", 1)]),
        ("(a:1.2)", [("(a:1.2)", 1)]),
        ("a:1e3", [("a:1e3", 1)]),
        ("", [("", 1)]),
    ],
)
def test_parts(text, expected):
    assert a1111.parts(text) == expected


def test_a_part_of_endless_weight_is_refused():
    with pytest.raises(BadValue, match="the weight"):
        a1111.parts(f"a:{'9' * 400}")


@pytest.mark.parametrize(("text", "said"), RECORDED)
def test_schedules_are_those_of_the_published_grammar(text, said):
    tree = schedule.parse(text)
    assert [schedule.said(tree, step, 10) for step in range(1, 11)] == said


def test_the_recorded_schedules_can_tell_a_change():
    assert sum(len(set(said)) > 1 for _, said in RECORDED) > 50
    assert schedule.said(schedule.parse("[a:b:4]"), 4, 10) != schedule.said(schedule.parse("[a:b:3]"), 4, 10)


def words(text, steps):
    return [
        [(span.first, span.content.text) for span in part.spans] for part in a1111.timeline(text, steps).parts
    ]


def test_timelines_change_where_the_web_ui_changes():
    # The web UI looks a step up by the number of steps already done, so `from` lasts for `when` + 1 steps.
    assert words("a [cat:dog:0.5]", 10) == [[(0, "a cat"), (6, "a dog")]]
    assert words("a [cat:dog:3]", 10) == [[(0, "a cat"), (4, "a dog")]]
    assert words("a [cat:dog:10]", 10) == [[(0, "a cat")]]
    assert words("a [cat:dog:0]", 10) == [[(0, "a dog")]]
    assert words("[x|y|]", 5) == [[(0, "x"), (2, "y"), (3, ""), (4, "x")]]
    assert words("[a:b:2] AND [c|d]", 4) == [[(0, "a"), (3, "b")], [(0, " c"), (2, " d"), (3, " c")]]


def test_weights_inside_schedules_inside_parts():
    timeline = a1111.timeline("x AND (sky:[1.2:0.8:2]) [(a:1.5):b:0.25]:0.5", 8)
    assert timeline.at(0)[1] == (0.5, a1111.attention(" (sky:1.2) (a:1.5)"))
    assert timeline.at(7)[1] == (0.5, a1111.attention(" (sky:0.8) b"))
    assert timeline.at(0)[0] == (1.0, a1111.attention("x"))


def test_a_negative_prompt_has_no_parts():
    (part,) = a1111.negative_timeline("a AND b:2", 3).parts
    assert (part.weight, part.at(0).text) == (1.0, "a AND b:2")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\()[]:|"), max_size=60))
def test_text_without_special_characters_means_itself(text):
    if "AND" in text or "BREAK" in text:
        return
    timeline = a1111.timeline(text, 5)
    assert timeline.still == Passage(((Run(text.rstrip()),) if text.rstrip() else (),))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([*"()[]:|\\", "a", " ", "1.2", "AND", "BREAK", "3", ".5"])).map("".join))
def test_no_text_breaks_the_parser(text):
    try:
        timeline = a1111.timeline(text, 4)
    except BadValue:
        return
    assert [part.spans[0].first for part in timeline.parts] == [0] * len(timeline.parts)
