"""What the Unicode emoji are called: CLDR labels, tags and groups, found by code point or by name.

Takes the unpacked `emojibase-data` package. Gives an `Emoji` index. Does not know pictures.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mezzotint.train.data.concepts import slug
from mezzotint.values.errors import DataProblem


@dataclass(frozen=True)
class Named:
    """One emoji: its CLDR label, its keywords, and its group as "food-drink/food-fruit"."""

    label: str
    tags: tuple[str, ...]
    group: str


class Emoji:
    """An index of emoji by label, by code point and by slug."""

    def __init__(self, named: Mapping[str, Named]) -> None:
        """`named` maps code points, as "1F468-200D-1F33E", to emoji."""
        self._by_code = {_plain_code(code): entry.label for code, entry in named.items()}
        self._by_slug = {slug(entry.label): entry.label for entry in named.values()}
        self._joined = {key.replace("-", ""): label for key, label in self._by_slug.items()}
        self.by_label = MappingProxyType({entry.label: entry for entry in named.values()})

    def label_of_code(self, code: str) -> str | None:
        """The label of code points written in hex with dashes; variation selectors do not count."""
        return self._by_code.get(_plain_code(code))

    def label_of_slug(self, name: str) -> str | None:
        """The label that a collection writes as `name`, with or without dashes."""
        return self._by_slug.get(name) or self._joined.get(name)


def _plain_code(code: str) -> str:
    return "-".join(part for part in code.lower().split("-") if part not in ("fe0f", "fe0e"))


def read_emoji(folder: Path) -> Emoji:
    """The index of an unpacked `emojibase-data` package. Raises DataProblem when it is broken."""
    try:
        rows: list[dict[str, Any]] = json.loads((folder / "en/data.json").read_text(encoding="utf-8"))
        meta = json.loads((folder / "meta/groups.json").read_text(encoding="utf-8"))
        named = {row["hexcode"]: _named(row, meta) for row in rows}
    except (OSError, ValueError, KeyError, TypeError):
        raise DataProblem(
            "the emoji names cannot be read", hint="remove the cache folder and run the same command again"
        ) from None
    if not named:
        raise DataProblem("the package of emoji names is empty", hint="remove the cache folder and run again")
    return Emoji(named)


def _named(row: Mapping[str, Any], meta: Mapping[str, Mapping[str, str]]) -> Named:
    group = meta["groups"].get(str(row.get("group")), "none")
    subgroup = meta["subgroups"].get(str(row.get("subgroup")), "none")
    return Named(row["label"], tuple(row.get("tags", ())), f"{group}/{subgroup}")
