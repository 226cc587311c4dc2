"""Regions of a prompt: their places and texts, as values and as people write them."""

import pytest

from mezzotint.values.errors import BadValue
from mezzotint.values.region import Region, region_from_text
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
