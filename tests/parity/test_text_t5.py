"""Ids equal to transformers' T5Tokenizer, with the published vocabulary, over made-up and hard texts."""

import sys
import unicodedata
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import T5Tokenizer as Reference

from mezzotint.text.pieces import Pieces, t5_pieces
from mezzotint.text.t5 import T5Tokenizer

STEADY = settings(max_examples=400, deadline=None, derandomize=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
LATIN = [
    *"abcXYZ0123  \t\n\r\x0b\x0c'\",.!?-_#<>|&▁",
    "'s",
    "don't",
    "é",
    "e\u0301",
    "İ",
    "ß",
    "\u017f",
    "½",
    "ﬁ",
    "™",
    "№",
]
OTHERS = [
    "日本", "ｶﾞ", "Ⅷ", "٣", "한국", "ไทย", "नमस्ते", "👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "❤\ufe0f", "\u200b", "\u200d",
    "\u202e", "\xa0", "\u3000", "\u2028", "\x1c", "\x1f", "\x85", "\0", "\x7f", "\ufeff", "\ufffd", "\U0010ffff",
    "\xad", "\u0301", "\u1680", "\u180e",
]  # fmt: skip
SPECIAL = [
    "</s>",
    "<pad>",
    "<unk>",
    "<s>",
    "</S>",
    "<extra_id_0>",
    "<extra_id_99>",
    "<extra_id_100>",
    "<extra_id_",
]
WORDS = st.lists(st.sampled_from([*LATIN, *OTHERS, *SPECIAL]), max_size=40).map("".join)


def reference(vocabulary: Pieces) -> Reference:
    """Built as transformers builds it from a file: pieces, then the sentinels from the last to the first."""
    sentinels = [f"<extra_id_{i}>" for i in range(99, -1, -1)]
    return Reference(
        vocab=[*vocabulary.pieces, *((token, 0.0) for token in sentinels)],
        _spm_precompiled_charsmap=vocabulary.replacements,
        additional_special_tokens=sentinels,
    )


@cache
def pair() -> tuple[T5Tokenizer, Reference]:
    return T5Tokenizer.from_pieces(t5_pieces(), 77), reference(t5_pieces())


def agree(text: str) -> bool:
    ours, theirs = pair()
    return list(ours.ids(text)) == theirs(text, add_special_tokens=False).input_ids


@STEADY
@given(TEXT)
@example("")
@example(" ")
@example("a photo of  an astronaut \n riding a horse")
def test_any_text(text: str) -> None:
    assert agree(text)


@STEADY
@given(WORDS)
@example("a</s>b <pad>c<extra_id_7> d")
@example("▁▁ ▁a▁")
def test_hard_texts(text: str) -> None:
    assert agree(text)


def test_every_character() -> None:
    """Each assigned character by itself and between letters, in texts of a few hundred."""
    kinds = ("Cn", "Cs", "Co")
    chosen = [c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in kinds][::7]
    for i in range(0, len(chosen), 400):
        part = chosen[i : i + 400]
        assert agree(" ".join(part)) and agree("x".join(part))


@pytest.mark.parametrize("length", [1, 5, 77, 256])
@pytest.mark.parametrize("text", ["", "a red boat", "word " * 300])
def test_cut_and_padded(text: str, length: int) -> None:
    ours = T5Tokenizer.from_pieces(t5_pieces(), length)
    theirs = pair()[1](text, padding="max_length", max_length=length, truncation=True).input_ids
    row, lost = ours.padded(text)
    assert list(row) == theirs
    assert lost == max(0, len(ours.ids(text)) - (length - 1))


def test_the_table_of_characters_and_the_pieces_matter() -> None:
    whole = t5_pieces()
    theirs = pair()[1]
    text = "\uff46\uff55ll ½ astronaut"
    wanted = theirs(text, add_special_tokens=False).input_ids
    for changed in (whole._replace(replacements=b""), whole._replace(pieces=whole.pieces[:20000])):
        assert list(T5Tokenizer.from_pieces(changed, 77).ids(text)) != wanted
