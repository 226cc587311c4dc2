"""Unigram vocabularies in the files of SentencePiece (`spiece.model`), read without SentencePiece.

Takes the bundled file of T5, which all Stable Diffusion 3 models share; gives its pieces with their scores, and its
table of character replacements. The file is a protocol buffer (sentencepiece_model.proto), of which only what is needed
is read. Files of users are not opened: a damaged table of replacements stops the `tokenizers` library with a panic.
"""

import gzip
import struct
from collections.abc import Iterator
from importlib import resources
from typing import NamedTuple

_PIECE, _TRAINING, _NORMALISING = 1, 2, 3
"""Fields of the whole: pieces, how it was trained, how text is normalised."""
_TEXT, _SCORE, _ALGORITHM, _REPLACEMENTS = 1, 2, 3, 2
"""Fields of a piece (1, 2), of the training (3) and of the normalising (2)."""
_UNIGRAM = 1


class Pieces(NamedTuple):
    """`pieces` in the order of their ids, each with its log probability; `replacements` is a compiled table of
    characters (SentencePiece's `precompiled_charsmap`), empty for none."""

    pieces: tuple[tuple[str, float], ...]
    replacements: bytes


def t5_pieces() -> Pieces:
    """The 32,000 pieces of T5 version 1.1, which Stable Diffusion 3 uses."""
    packed = resources.files("mezzotint.text").joinpath("data/t5_spiece.model.gz").read_bytes()
    return parse(gzip.decompress(packed))


def parse(data: bytes) -> Pieces:
    """The vocabulary in the bytes of a file. Raises ValueError when they are something else."""
    pieces: list[tuple[str, float]] = []
    replacements = b""
    for number, value in _fields(data):
        if number == _PIECE:
            pieces.append(_piece(value))
        elif number == _TRAINING:
            if dict(_fields(value)).get(_ALGORITHM, b"\1") != bytes([_UNIGRAM]):
                raise ValueError("not a unigram vocabulary")
        elif number == _NORMALISING:
            replacements = dict(_fields(value)).get(_REPLACEMENTS, b"")
    if not pieces:
        raise ValueError("no pieces")
    return Pieces(tuple(pieces), replacements)


def _piece(data: bytes) -> tuple[str, float]:
    fields = dict(_fields(data))
    score = fields.get(_SCORE, bytes(4))
    if _TEXT not in fields or len(score) != 4:
        raise ValueError("a piece without text or score")
    return fields[_TEXT].decode(), float(struct.unpack("<f", score)[0])


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message by number, in their order; a number as its bytes, low one first."""
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _number(data, at)
            yield key >> 3, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "little")
            continue
        if kind == 2:
            size, at = _number(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("unknown kind of field")
        if at + size > len(data):
            raise ValueError("a field is cut short")
        yield key >> 3, data[at : at + size]
        at += size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the low ones first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("a number does not end")
