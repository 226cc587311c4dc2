"""The T5 vocabulary is the published one, its file is read with care, and known texts have their known ids."""

import gzip
import hashlib
import struct
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.text.pieces import Pieces, parse, t5_pieces
from mezzotint.text.t5 import T5Tokenizer
from mezzotint.values.errors import BadValue

PUBLISHED = "d60acb128cf7b7f2536e8f38a5b18a05535c9e14c7a355904270e15b0945ea86"


def published() -> bytes:
    packed = resources.files("mezzotint.text").joinpath("data/t5_spiece.model.gz").read_bytes()
    return gzip.decompress(packed)


def varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def piece(text: str, score: float) -> bytes:
    return message(1, message(1, text.encode()) + b"\x15" + struct.pack("<f", score))


SMALL = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁a", -3.0), ("b", -4.0)]
FILE = b"".join(piece(*entry) for entry in SMALL)


def test_the_file_is_the_published_one() -> None:
    assert hashlib.sha256(published()).hexdigest() == PUBLISHED
    assert b"d60acb128cf7b7f2536e8f38a5b18a05535c9e14c7a355904270e15b0945ea86" in (
        resources.files("mezzotint.text").joinpath("data/LICENSE-T5").read_bytes()
    )


def test_pieces_of_t5() -> None:
    found = t5_pieces()
    assert len(found.pieces) == 32000 and len({text for text, _ in found.pieces}) == 32000
    assert [text for text, _ in found.pieces[:6]] == ["<pad>", "</s>", "<unk>", "▁", "X", "."]
    assert found.pieces[3][1] == -2.0122928619384766
    assert len(found.replacements) > 100_000


def test_what_was_read_is_what_the_file_begins_with() -> None:
    """Written again, all pieces give the first part of the file, but for the kinds of the special ones."""
    written = b"".join(piece(*entry) for entry in t5_pieces().pieces[3:])
    assert written in published()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Hello, my dog is cute", (8774, 6, 82, 1782, 19, 5295)),
        ("The house is wonderful.", (37, 629, 19, 1627, 5)),
        ("translate English to German:", (13959, 1566, 12, 2968, 10)),
        ("<extra_id_0> a <extra_id_99>", (32099, 3, 9, 32000)),
        ("", ()),
        (" \n", ()),
    ],
)
def test_known_ids(text: str, ids: tuple[int, ...]) -> None:
    """Those of the documentation of transformers' T5."""
    tokenizer = T5Tokenizer.from_pieces(t5_pieces(), 77)
    assert tokenizer.ids(text) == ids
    assert tokenizer.padded(text) == ((*ids, 1, *(0 for _ in range(76 - len(ids)))), 0)
    assert (tokenizer.vocab_size, tokenizer.pad, tokenizer.eos, tokenizer.length) == (32100, 0, 1, 77)


def test_a_text_that_is_too_long_is_cut_before_its_end() -> None:
    row, lost = T5Tokenizer.from_pieces(parse(FILE), 4).padded("a a a a a")
    assert row == (4, 4, 4, 1) and lost == 2


def test_half_a_surrogate() -> None:
    with pytest.raises(BadValue, match="surrogate"):
        T5Tokenizer.from_pieces(parse(FILE), 4).ids("\ud800")


def test_fields_that_are_not_needed_are_passed_over() -> None:
    extra = varint(9 << 3) + varint(2**40) + varint(9 << 3 | 1) + bytes(8) + message(77, b"?")
    trained = message(2, varint(3 << 3) + b"\1")
    assert parse(extra + FILE + trained + message(3, message(2, b"table"))) == Pieces(tuple(SMALL), b"table")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0a",
        FILE[:-1],
        FILE + b"\x0b",
        FILE + b"\xff" * 12,
        message(1, b"\x15" + bytes(4)),
        message(1, message(1, b"\xff")),
        message(1, message(1, b"a") + message(2, b"abc")),
        FILE + message(2, varint(3 << 3) + b"\2"),
        FILE + message(2, b"\x18\x80"),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse(data)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = parse(FILE + data)
    except ValueError:
        return
    assert found.pieces[: len(SMALL)] == tuple(SMALL)


def test_vocabularies_of_other_models() -> None:
    with pytest.raises(BadValue, match="does not begin"):
        T5Tokenizer.from_pieces(Pieces((("a", 0.0),), b""), 77)
    with pytest.raises(BadValue, match="length"):
        T5Tokenizer.from_pieces(parse(FILE), 0)
    with pytest.raises(BadValue, match="unusable"):
        T5Tokenizer.from_pieces(Pieces(tuple(SMALL), b"?"), 77)
