"""The CLIP tokenizer without a reference beside it: golden ids, cutting, padding, bad input, time."""

import time

import pytest

from mezzotint.text.clip import ClipTokenizer
from mezzotint.text.vocabulary import clip_vocabulary, train
from mezzotint.values.errors import BadValue


@pytest.fixture(scope="module")
def clip() -> ClipTokenizer:
    vocab, merges = clip_vocabulary()
    return ClipTokenizer.from_files(vocab, merges, pad=49407, length=77)


def test_golden_ids(clip: ClipTokenizer) -> None:
    row, cut = clip.padded("a photo of a cat")
    assert row[:8] == (49406, 320, 1125, 539, 320, 2368, 49407, 49407)
    assert (len(row), cut, clip.bos, clip.eos, clip.vocab_size) == (77, 0, 49406, 49407, 49408)


def test_what_does_not_fit_is_cut_and_counted(clip: ClipTokenizer) -> None:
    row, cut = clip.padded("cat " * 75)
    assert (row[0], row[1:76], row[76], cut) == (49406, (2368,) * 75, 49407, 0)
    assert clip.padded("cat " * 80) == (row, 5)


def test_pad_of_sd2() -> None:
    vocab, merges = clip_vocabulary()
    sd2 = ClipTokenizer.from_files(vocab, merges, pad=0, length=77)
    assert sd2.padded("")[0] == (49406, 49407, *(0,) * 75)


def test_half_a_surrogate_is_refused(clip: ClipTokenizer) -> None:
    with pytest.raises(BadValue, match="prompt: holds half a surrogate"):
        clip.ids("a \ud800 cat")


@pytest.mark.parametrize("unit", ["x", "a ", "é", "!", "7", " ", "'", "<|endoftext|>"])
def test_long_texts_take_linear_time(clip: ClipTokenizer, unit: str) -> None:
    text = unit * (100_000 // len(unit))
    start = time.process_time()
    clip.ids(text)
    assert time.process_time() - start < 60  # quadratic work would take many minutes


@pytest.mark.parametrize(
    ("pad", "length", "vocab", "merges"),
    [
        (0, 2, None, None),
        (-1, 77, None, None),
        (600, 77, None, None),
        (0, 77, {"a": 0}, None),
        (0, 77, None, [("no", "such")]),
    ],
)
def test_unusable_vocabularies_are_typed_errors(
    pad: int, length: int, vocab: dict[str, int] | None, merges: list[tuple[str, str]] | None
) -> None:
    small = train(["a cat"], 600)
    with pytest.raises(BadValue):
        ClipTokenizer.from_files(vocab or small.vocab, merges or small.merges, pad=pad, length=length)
