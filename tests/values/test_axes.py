"""The axes of a plot: lists, ranges, search and replace, and one readable line for what is wrong."""

import pytest

from mezzotint.values.axes import Axis, cells, options_of, parse_axis
from mezzotint.values.errors import BadValue, UnknownName


def values(text: str) -> list[object]:
    return list(parse_axis("x", text, ["a cat"]).values)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("steps=5,10,20", [5, 10, 20]),
        ("steps = 5, 10", [5, 10]),
        ("steps=1-5", [1, 2, 3, 4, 5]),
        ("steps=5-20(+5)", [5, 10, 15, 20]),
        ("steps=5 - 20 (5)", [5, 10, 15, 20]),
        ("steps=10-5(-3)", [10, 7]),
        ("steps=1-10[5]", [1, 3, 5, 7, 10]),
        ("steps=3-9[1]", [3]),
        ("steps=1-3,10", [1, 2, 3, 10]),
        ("ensd=-3--1", [-3, -2, -1]),
        ("guidance=1-7[4]", [1.0, 3.0, 5.0, 7.0]),
        ("guidance=0-1(+0.1)", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("guidance=7.5", [7.5]),
        ("sampler=euler,dpmpp_2m", ["euler", "dpmpp_2m"]),
        ("clip-skip=1,2", [1, 2]),
        ('prompt="a cat, sitting",a dog', ["a cat, sitting", "a dog"]),
        ("noise=comfy-0.3,nv", ["comfy-0.3", "nv"]),
        ("prompt-sr=cat,dog", ["cat", "dog"]),
    ],
)
def test_lists_and_ranges(text: str, found: list[object]) -> None:
    assert values(text) == found
    assert [type(v) for v in values(text)] == [type(v) for v in found]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps", "x: 'steps' has no values; write OPTION=VALUE,VALUE as steps=5,10,20"),
        ("steps=", "x: 'steps=' has no values"),
        ("stepz=5", "unknown axis 'stepz'; did you mean steps?"),
        ("steps=a", "x: 'a' is not a whole number; use numbers, or a range as 5-50(+5) or 1-7[4]"),
        ("steps=5.5", "x: '5.5' is not a whole number"),
        ("guidance=a", "x: 'a' is not a number"),
        ("steps=1.5-3", "x: '1.5-3' has a fraction"),
        ("steps=5,5", "x: has a value twice"),
        ("steps=5-1", "x: '5-1' never ends"),
        ("steps=5-9(0)", "x: '5-9(0)' never ends"),
        ("steps=1-5000", "x: '1-5000' has 5000 values; use 1 to 1000"),
        ("steps=1-9[0]", "x: '1-9[0]' has 0 values"),
        ("steps=1-900,901-1100", "x: has 1100 values; use at most 1000"),
        ("prompt-sr=dog,cat", "x: 'dog' is not in the prompt; begin with words that the prompt has"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises((BadValue, UnknownName)) as caught:
        values(text)
    assert str(caught.value).startswith(said)


def test_cells_run_along_the_first_axis_first() -> None:
    axes = [Axis("steps", (1, 2)), Axis("seed", (5, 6, 7))]
    assert list(cells(axes)) == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    assert options_of({"prompt": "x", "steps": 9}, axes, (1, 2)) == {"prompt": "x", "steps": 2, "seed": 7}
    assert list(cells([])) == [()]


def test_search_and_replace_reaches_both_prompts_and_leaves_what_is_not_there() -> None:
    axis = parse_axis("x", "prompt-sr=cat,dog", ["a cat", "cats"])
    assert axis.applied({"prompt": "a cat", "negative": "cats"}, 1) == {"prompt": "a dog", "negative": "dogs"}
    assert axis.applied({"prompt": "a cat", "negative": None}, 0) == {"prompt": "a cat", "negative": None}


def test_labels_are_short() -> None:
    assert Axis("clip_skip", (2,)).label(0) == "clip skip 2"
    assert Axis("guidance", (7.0,)).label(0) == "guidance 7"
    assert Axis("sampler", ("euler",)).label(0) == "euler"
    assert Axis("model", ("folder/sd15.safetensors",)).label(0) == "sd15.safetensors"
    assert parse_axis("x", "prompt-sr=cat", ["cat"]).title == "prompt"
