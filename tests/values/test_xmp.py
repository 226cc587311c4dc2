"""The text in an XMP packet, ours and as other programs rewrite it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.values.xmp import pack, unpack

WRAP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%s</r:RDF></x:xmpmeta>'


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\ufffe\uffff\r\n\t\x85\u2028<>&\"'"))
)
def test_any_json_survives(text: str) -> None:
    found = unpack(pack(json.dumps({"a": text}, ensure_ascii=False)))
    assert found is not None
    assert json.loads(found) == {"a": text}


def test_an_element_is_as_good_as_an_attribute() -> None:
    body = (
        "<r:Description xmlns:q='urn:mezzotint:1.0/'><q:recipe>{&quot;a&quot;: 1}</q:recipe></r:Description>"
    )
    assert unpack((WRAP % body).encode()) == '{"a": 1}'


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0\xff",
        b"<a",
        b"<a>&b;</a>",
        (WRAP % "").encode(),
        pack(""),
        b"<?xml version='1.0' encoding='nonsense'?><a/>",
        b"<!DOCTYPE a [<!ENTITY b 'cccccc'>]><a>&b;</a>",
        (WRAP % "").encode("utf-16"),
        b"<a>" * 200_000,
        b"<a>" * 200_000 + b"</a>" * 200_000,
    ],
    ids=range(11),
)
def test_what_holds_no_recipe(packet: bytes) -> None:
    assert unpack(packet) is None


def test_entities_are_never_expanded() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "x">]>' + pack('{"a":"&b;"}')
    assert unpack(bomb) is None
    assert unpack(pack('{"a":"&b;"}')) == '{"a":"&b;"}'
