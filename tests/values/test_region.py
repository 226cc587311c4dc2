"""Regions of a prompt: their places and texts, as values and as people write them."""

import pytest

from mezzotint.values.errors import BadValue
from mezzotint.values.region import Region, region_from_text, region_to_text
from mezzotint.values.source import PictureUse


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("0,0,0.5,1:a red apple", Region(text="a red apple", right=0.5)),
        (" .25 , 0 ,1, .5 : a: b", Region(text="a: b", left=0.25, bottom=0.5)),
        ("left.png:a cat, (old:1.2)", Region(text="a cat, (old:1.2)", mask=PictureUse(file="left.png"))),
    ],
)
def test_what_people_write_is_read(text: str, region: Region) -> None:
    assert region_from_text(text) == region


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a red apple", "has no place and text"),
        (":a", "has no place and text"),
        ("0,0,1,1:  ", "has no place and text"),
        ("0,0,1:a", "are not four shares"),
        ("0,0,1.2.3,1:a", "are not four shares"),
        ("0.5,0,0.5,1:a", "its box is empty"),
        ("0,0,2,1:a", "right: 2.0 is out of range"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(BadValue, match=said):
        region_from_text(text)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"right": 1.5}, "region 'a red apple' right: 1.5 is out of range; use 0 to 1"),
        ({"left": 0.6, "right": 0.5}, "region 'a red apple': its box is empty; put left before right"),
        ({"feather": 2}, "region 'a red apple' feather: 2 is out of range"),
        ({"mask": {"file": ""}}, "region 'a red apple' file: is empty"),
        ({"text": None}, "region text: must be text, not None"),
        ({"text": "a" * 90, "top": -1}, f"region '{'a' * 27}...' top: -1 is out of range"),
        ({"tops": 1}, "region 'a red apple' tops: is not a known field"),
    ],
)
def test_an_error_says_which_region_it_is_about(given: dict[str, object], told: str) -> None:
    with pytest.raises(BadValue) as caught:
        Region.model_validate({"text": "a red apple", **given})
    assert str(caught.value).startswith(told)


def test_a_box_beyond_the_picture_is_told_with_its_text() -> None:
    with pytest.raises(BadValue, match=r"region 'a boat' right: 1\.5 is out of range"):
        region_from_text("0,0,1.5,1:a boat")


@pytest.mark.parametrize(
    "text",
    [
        "0,0,0.5,1:a red apple",
        "0.25,0,1,0.5,weight=0.8,feather=0.1,form=attention:a: b",
        "left.png:a cat, (old:1.2)",
        "left.png,form=attention:a cat",
    ],
)
def test_a_region_is_written_as_it_is_read(text: str) -> None:
    assert region_to_text(region_from_text(text)) == text
