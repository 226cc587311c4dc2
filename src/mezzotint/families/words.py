"""The vocabulary and the padding token of a diffusers folder, in the old and in the new spelling of its files.

Takes a checkpoint. Gives its vocabulary and the padding id, or the family's own where the folder has none. Knows no
tokenizer and no weights.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import TypeAdapter, ValidationError

from mezzotint.families.checkpoint import FOLDER, Checkpoint, Config
from mezzotint.families.family import TextPart
from mezzotint.text.vocabulary import Vocabulary, load
from mezzotint.values.errors import BadModelFile, shorten
from mezzotint.weights.folders import read_json


def words_of(base: TextPart, checkpoint: Checkpoint, name: str) -> tuple[Vocabulary | None, int]:
    """The vocabulary in the folder `name` (None: the family's own) and the padding id. Raises BadModelFile."""
    folder = checkpoint.path / name
    vocab, merges, both = folder / "vocab.json", folder / "merges.txt", folder / "tokenizer.json"
    if checkpoint.layout != FOLDER:
        return None, base.pad
    if vocab.is_file() and merges.is_file():
        words = load(vocab, merges)
    elif both.is_file():
        words = from_tokenizer_json(both)
    else:
        return None, base.pad
    token = _pad_token(checkpoint, name)
    if token is None:
        return words, base.pad
    if token not in words.vocab:
        raise BadModelFile(folder, f"has a vocabulary without its padding token {shorten(token, 30)}")
    return words, words.vocab[token]


@dataclass(frozen=True)
class _Pairs:
    vocab: dict[str, int]
    merges: list[str | tuple[str, str]]


@dataclass(frozen=True)
class _TokenizerJson:
    model: _Pairs


def from_tokenizer_json(path: Path) -> Vocabulary:
    """The vocabulary in a `tokenizer.json`, which is all that transformers 5 writes. Raises BadModelFile."""
    try:
        model = TypeAdapter(_TokenizerJson).validate_python(read_json(path)).model
    except ValidationError:
        raise BadModelFile(path, "is no byte-pair tokenizer") from None
    vocab = model.vocab
    if sorted(vocab.values()) != list(range(len(vocab))):
        raise BadModelFile(path, f"does not number its {len(vocab)} tokens from 0")
    merges: list[tuple[str, str]] = []
    for rule in model.merges:
        first, _, second = rule.partition(" ") if isinstance(rule, str) else (rule[0], "", rule[1])
        if first not in vocab or second not in vocab:
            raise BadModelFile(
                path, f"has an unusable merge rule ({shorten(first, 20)}, {shorten(second, 20)})"
            )
        merges.append((first, second))
    return Vocabulary(vocab, merges)


def _pad_token(checkpoint: Checkpoint, folder: str) -> str | None:
    """The padding token's text. Where both files are there, they disagree in SD 2, and this order is the right one."""
    for file in ("special_tokens_map.json", "tokenizer_config.json"):
        entry = checkpoint.config(f"{folder}/{file}").get("pad_token")
        if isinstance(entry, dict):
            entry = cast("Config", entry).get("content")
        if isinstance(entry, str):
            return entry
    return None
