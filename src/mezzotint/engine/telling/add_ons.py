"""What the trainer of an add-on wrote into its file, for people: its words, its settings, its hashes.

Takes the metadata of a LoRA, or an opened textual inversion. Gives rows of a report. All of it is foreign text: it is
bounded, and nothing in it can fail the report.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from mezzotint.adapters.inversion import open_inversion
from mezzotint.engine.telling.report import Row, Section, rows
from mezzotint.values.errors import MezzotintError, shorten

MOST_WORDS = 20
"""How many of the most frequent words of a training are shown."""
LONGEST = 200
"""Characters of one foreign text that are shown."""
MAX_JSON = 8 * 2**20

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "name": "ss_output_name",
        "title": "modelspec.title",
        "base": "ss_base_model_version",
        "trained on": "ss_sd_model_name",
        "architecture": "modelspec.architecture",
        "rank": "ss_network_dim",
        "alpha": "ss_network_alpha",
        "network": "ss_network_module",
        "clip skip": "ss_clip_skip",
        "resolution": "ss_resolution",
        "trigger phrase": "modelspec.trigger_phrase",
        "addnet hash": "sshs_model_hash",
        "addnet legacy hash": "sshs_legacy_hash",
    }
)
"""What is shown of a LoRA's metadata, and the keys of kohya's trainer and of the model specification."""


def training(metadata: Mapping[str, str]) -> tuple[Section, ...]:
    """What the metadata of a LoRA says of its training; nothing where it says nothing."""
    said = [(name, shorten(metadata[key], LONGEST)) for name, key in SETTINGS.items() if key in metadata]
    words = ", ".join(f"{word} ({count})" for word, count in frequent(metadata.get("ss_tag_frequency", "")))
    found = rows([*said, ("words", words)])
    return (Section("Training, as the file says", found, "training"),) if found else ()


def frequent(text: str) -> list[tuple[str, int]]:
    """The most frequent words of kohya's `ss_tag_frequency`: JSON, for each folder how often each word was there."""
    if len(text) > MAX_JSON:
        return []
    try:
        folders: object = json.loads(text)
    except (ValueError, RecursionError):
        return []
    counted = Counter[str]()
    for tags in _values(folders):
        for word, count in _items(tags):
            if type(count) is int and 0 < count < 2**53:
                counted[word.strip()] += count
    return [(shorten(word), count) for word, count in counted.most_common(MOST_WORDS)]


def _values(value: object) -> Iterable[object]:
    return cast("dict[str, object]", value).values() if isinstance(value, dict) else ()


def _items(value: object) -> Iterable[tuple[str, object]]:
    return cast("dict[str, object]", value).items() if isinstance(value, dict) else ()


def inversion(path: Path) -> tuple[Row, ...]:
    """The word of a textual inversion and its vectors."""
    try:
        found = open_inversion(path)
    except MezzotintError as error:
        return rows([("cannot be used", error.message)])
    vectors = [
        f"{len(tensor)} of width {tensor.shape[1]}{f' for {encoder}' if encoder else ''}"
        for encoder, tensor in found.vectors.items()
    ]
    return rows([("word", shorten(found.word, LONGEST)), ("vectors", ", ".join(vectors))])
