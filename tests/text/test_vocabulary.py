"""Vocabularies: the bundled one, files, and learning a small one."""

import json
from importlib import resources
from pathlib import Path

import pytest

from mezzotint.text import vocabulary
from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.vocabulary import END, SMALLEST, START, Vocabulary, clip_vocabulary, load, save, train
from mezzotint.values.errors import BadModelFile, BadValue, OutputFailed

CAPTIONS = ["a red apple", "two green apples on a table", "the cat's hat", "ein großer Apfel"] * 5


def test_the_published_vocabulary() -> None:
    vocab, merges = clip_vocabulary()
    assert (len(vocab), len(merges), merges[0]) == (49408, 48894, ("i", "n"))
    known = {"!": 0, "!</w>": 256, "in": 512, "photo</w>": 1125, "cat</w>": 2368, START: 49406, END: 49407}
    assert {token: vocab[token] for token in known} == known


def test_the_licences_travel_with_the_data() -> None:
    text = resources.files("mezzotint.text").joinpath("data/LICENSE").read_text()
    assert "Copyright (c) 2021 OpenAI" in text and "Gabriel Ilharco" in text


def test_files_round_trip(tmp_path: Path) -> None:
    learned = train(CAPTIONS, 560)
    save(learned, tmp_path)
    again = load(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert again == Vocabulary(dict(learned.vocab), list(learned.merges))
    assert (tmp_path / "merges.txt").read_text().startswith("#version: 0.2\n")


def test_saving_where_nothing_can_be_saved(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed):
        save(train([], SMALLEST), tmp_path / "absent")


def test_a_trained_vocabulary_has_the_form_of_clip() -> None:
    learned = train(CAPTIONS, 540)
    vocab, merges = learned
    assert sorted(vocab.values()) == list(range(540))
    assert (vocab[START], vocab[END]) == (538, 539)
    assert [token for token, i in vocab.items() if i < 256] == vocabulary.byte_letters()
    assert all(a + b in vocab for a, b in merges)


@pytest.mark.parametrize("captions", [CAPTIONS, CAPTIONS[::-1], sorted(CAPTIONS)])
def test_equal_captions_give_equal_rules_in_any_order(captions: list[str]) -> None:
    assert list(train(captions, 560).merges) == list(train(CAPTIONS, 560).merges)


def test_frequent_words_become_one_token() -> None:
    vocab, merges = train(["a red apple"] * 50, 540)
    tokens = ClipTokenizer.from_files(vocab, merges, pad=0, length=16)
    assert tokens.ids("Red  APPLE") == (vocab["red</w>"], vocab["apple</w>"])
    assert len(tokens.ids("zebra")) == 5


def test_sizes() -> None:
    assert len(train(CAPTIONS, SMALLEST).vocab) == SMALLEST
    assert len(train(["ab"] * 9, 4000).vocab) == SMALLEST + 1
    with pytest.raises(BadValue, match="513 is too small"):
        train(CAPTIONS, 513)


def test_rules_that_make_one_token_share_its_id() -> None:
    vocab, merges = vocabulary.from_merges([("b", "c"), ("a", "b"), ("a", "bc"), ("ab", "c")])
    assert len(vocab) == SMALLEST + 3
    assert len(merges) == 4
    assert sorted(vocab.values()) == list(range(len(vocab)))


GOOD_VOCAB = json.dumps(dict(train([], SMALLEST).vocab))


@pytest.mark.parametrize(
    ("vocab", "merges", "reason"),
    [
        ("", "", "is not JSON"),
        ("[" * 100_000, "", "is not JSON"),
        ("[1]", "", "is not a table"),
        ('{"a": 1}', "", "does not number"),
        ('{"a": true}', "", "does not number"),
        ('{"a": "0"}', "", "does not number"),
        ('{"a": 0}', "", "has no token <|startoftext|>"),
        (GOOD_VOCAB, "a b c", "not two words"),
        (GOOD_VOCAB, "a", "not two words"),
        (GOOD_VOCAB, "a b", "does not belong to vocab.json"),
        (b"\xff\xfe", "", "is not UTF-8"),
        (None, "", "No such file"),
    ],
)
def test_bad_files_are_typed_errors(
    tmp_path: Path, vocab: str | bytes | None, merges: str, reason: str
) -> None:
    if vocab is not None:
        (tmp_path / "vocab.json").write_bytes(vocab if isinstance(vocab, bytes) else vocab.encode())
    (tmp_path / "merges.txt").write_text(merges)
    with pytest.raises(BadModelFile) as caught:
        load(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert reason in str(caught.value) and len(str(caught.value)) < 400


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "vocab.json"
    with huge.open("wb") as file:
        file.truncate(vocabulary.MAX_FILE + 1)
    with pytest.raises(BadModelFile, match="too large"):
        load(huge, huge)
