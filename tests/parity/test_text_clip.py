"""Ids equal to transformers' CLIPTokenizer, for the published vocabulary and for a small trained one."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.vocabulary import Vocabulary, clip_vocabulary, save, train

CAPTIONS = [
    f"a {colour} {thing}"
    for colour in ("red", "dark blue", "light green")
    for thing in ("apple", "cat's hat")
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
LATIN = [*"abcXYZ0123  \t\n'\",.!?-_#<>|", "'s", "'LL", "don't", "é", "e\u0301", "İ", "ß", "\u017f", "½"]
OTHERS = [
    "日本",
    "👩\u200d👩\u200d👧",
    "\u0663",
    "Ⅷ",
    "\u200d",
    "\u202e",
    "\xa0",
    "\u3000",
    "\u2028",
    "\x1c",
    "\0",
]
SPECIAL = ["<|endoftext|>", "<|startoftext|>", "<|ENDOFTEXT|>", "</w>"]
WORDS = st.lists(st.sampled_from([*LATIN, *OTHERS, *SPECIAL]), max_size=40).map("".join)


def reference(vocabulary: Vocabulary, folder: Path) -> CLIPTokenizer:
    save(vocabulary, folder)
    return CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipTokenizer, CLIPTokenizer]:
    vocab, merges = both = clip_vocabulary()
    ours = ClipTokenizer.from_files(vocab, merges, pad=49407, length=77)
    return ours, reference(both, tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipTokenizer, CLIPTokenizer]:
    vocab, merges = both = train(CAPTIONS, 540)
    ours = ClipTokenizer.from_files(vocab, merges, pad=0, length=16)
    return ours, reference(both, tmp_path_factory.mktemp("trained"))


def plain(reference: CLIPTokenizer, text: str) -> tuple[int, ...]:
    return tuple(reference(text, add_special_tokens=False)["input_ids"])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(TEXT | WORDS)
@example("a photo of a cat")
@example("")
@example("  It's  NaÏve\r\n\tcafé 2024!!! ")
@example("a<|endoftext|>b <|startoftext|>  <|ENDOFTEXT|>")
def test_published_vocabulary(published: tuple[ClipTokenizer, CLIPTokenizer], text: str) -> None:
    ours, theirs = published
    assert ours.ids(text) == plain(theirs, text)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXT | WORDS)
@example("a dark blue cat's hat")
def test_trained_vocabulary(trained: tuple[ClipTokenizer, CLIPTokenizer], text: str) -> None:
    ours, theirs = trained
    assert ours.ids(text) == plain(theirs, text)


def test_padded_like_the_reference(published: tuple[ClipTokenizer, CLIPTokenizer]) -> None:
    ours, theirs = published
    for text in ("", "a red apple", "word " * 200):
        row = theirs(text, padding="max_length", truncation=True, max_length=77)["input_ids"]
        assert ours.padded(text)[0] == tuple(row)


def test_one_rule_less_is_noticed(published: tuple[ClipTokenizer, CLIPTokenizer]) -> None:
    vocab, merges = clip_vocabulary()
    crippled = ClipTokenizer.from_files(vocab, list(merges)[1:], pad=49407, length=77)
    assert crippled.ids("a painting") != plain(published[1], "a painting")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(WORDS)
def test_composed_and_decomposed_letters_are_one(
    published: tuple[ClipTokenizer, CLIPTokenizer], text: str
) -> None:
    forms = {published[0].ids(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    assert len(forms) == 1
