"""Byte-pair vocabularies in the form that CLIP uses.

Takes the bundled merge rules, a pair of files (vocab.json, merges.txt) or captions to learn from, and gives a
`Vocabulary`. The form: 256 byte letters, the same 256 at the end of a word (`</w>`), one token a merge rule, and
the start and end tokens as the last two ids. Knows nothing of how text is cut.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, cast

from tokenizers import AddedToken, Tokenizer, models, trainers

from mezzotint.text.splitting import normaliser, splitter
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.values.files import write_atomically

START = "<|startoftext|>"
END = "<|endoftext|>"
WORD_END = "</w>"
SMALLEST = 2 * 256 + 2
"""The size of a vocabulary without merge rules."""
MAX_FILE = 2**26
"""The largest vocabulary file that is read, in bytes."""
_VERSION_LINE = "#version: 0.2"


class Vocabulary(NamedTuple):
    """`vocab` gives each token its id (0 .. size - 1); `merges` are the merge rules, the first to apply first."""

    vocab: Mapping[str, int]
    merges: Sequence[tuple[str, str]]


def byte_letters() -> list[str]:
    """The 256 letters that stand for bytes, in the order of their ids.

    Bytes with a printable Latin-1 character stand for themselves and come first; the others get letters from U+0100
    on (GPT-2, Radford et al. 2019, `encoder.py`).
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [chr(byte) for byte in visible] + [chr(0x100 + i) for i in range(256 - len(visible))]


def from_merges(merges: Iterable[tuple[str, str]]) -> Vocabulary:
    """The vocabulary that `merges` span. Two rules that make the same token share its id."""
    rules, letters = list(merges), byte_letters()
    tokens = [*letters, *(letter + WORD_END for letter in letters), *(a + b for a, b in rules), START, END]
    return Vocabulary(dict(zip(dict.fromkeys(tokens), count(), strict=False)), rules)


def clip_vocabulary() -> Vocabulary:
    """OpenAI's vocabulary of 49,408 tokens, which every published Stable Diffusion text encoder of CLIP uses."""
    packed = resources.files("mezzotint.text").joinpath("data/clip_merges.txt.gz").read_bytes()
    return from_merges(_rules(gzip.decompress(packed).decode()))


def _rules(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.split("\n") if line]
    first = 1 if lines and lines[0].startswith("#version") else 0
    return [(left, right) for left, right in (line.split(" ") for line in lines[first:])]


def load(vocab_json: Path, merges_txt: Path) -> Vocabulary:
    """The vocabulary in two files as `transformers` writes them.

    Raises `BadModelFile` if one cannot be read, ids are not 0 .. size - 1, or a rule or a special token is not in
    the vocabulary.
    """
    vocab = _ids(vocab_json)
    try:
        merges = _rules(_text(merges_txt))
    except ValueError:
        raise BadModelFile(merges_txt, "holds a merge rule that is not two words") from None
    for token in (START, END):
        if token not in vocab:
            raise BadModelFile(vocab_json, f"has no token {token}")
    for first, second in merges:
        if not (first in vocab and second in vocab and first + second in vocab):
            raise BadModelFile(merges_txt, f"does not belong to {vocab_json.name}")
    return Vocabulary(vocab, merges)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE:
            raise BadModelFile(path, "is too large for a vocabulary")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadModelFile(path, error.strerror or "cannot be read") from None
    except UnicodeDecodeError:
        raise BadModelFile(path, "is not UTF-8 text") from None


def _ids(path: Path) -> dict[str, int]:
    try:
        content: object = json.loads(_text(path))
    except (ValueError, RecursionError):
        raise BadModelFile(path, "is not JSON") from None
    if not isinstance(content, dict):
        raise BadModelFile(path, "is not a table of tokens")
    table = cast(dict[str, Any], content)
    if not all(type(i) is int for i in table.values()) or sorted(table.values()) != list(range(len(table))):
        raise BadModelFile(path, f"does not number its {len(table)} tokens from 0")
    return table


def save(vocabulary: Vocabulary, folder: Path) -> None:
    """Write `vocab.json` and `merges.txt` into `folder`, as `transformers` reads them. Raises `OutputFailed`."""
    table = json.dumps(dict(vocabulary.vocab), ensure_ascii=False, separators=(",", ":"))
    rules = "\n".join([_VERSION_LINE, *(f"{a} {b}" for a, b in vocabulary.merges), ""])
    write_atomically(folder / "vocab.json", lambda file: file.write(table.encode()))
    write_atomically(folder / "merges.txt", lambda file: file.write(rules.encode()))


def train(captions: Iterable[str], size: int) -> Vocabulary:
    """Learn a vocabulary of at most `size` tokens from `captions` (fewer when the captions hold no more pairs).

    The most frequent pair is merged first (Sennrich et al. 2016); equal captions give equal vocabularies. Raises
    `BadValue` for a size below `SMALLEST`.
    """
    if size < SMALLEST:
        raise BadValue("size", f"{size} is too small for a vocabulary", f"use at least {SMALLEST}")
    learner = Tokenizer(models.BPE(end_of_word_suffix=WORD_END))
    learner.normalizer, learner.pre_tokenizer = normaliser(), splitter()
    letters = byte_letters()
    # Named as special tokens, letters have fixed ids; else ids, and so ties of pairs, follow the order of a hash map.
    fixed: list[str | AddedToken] = [*letters, *(letter + WORD_END for letter in letters)]
    trainer = trainers.BpeTrainer(
        vocab_size=size - 2, special_tokens=fixed, end_of_word_suffix=WORD_END, show_progress=False
    )
    learner.train_from_iterator(captions, trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    return from_merges((first, second) for first, second in learned)
