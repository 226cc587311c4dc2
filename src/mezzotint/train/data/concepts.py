"""The table of concepts that are drawn: their names, their order of usefulness, their grammar.

Takes nothing but the package's own table (or text of the same form). Gives `Concept` values by CLDR label.
Does not know pictures, packages or styles.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

FLAGS = frozenset({"unique", "fixed"})


@dataclass(frozen=True)
class Concept:
    """One thing that can be drawn.

    `label` is its CLDR name and its identity over all styles; `names` are what it is called, the plainest first;
    `rank` is its place in the order of usefulness (0 = most useful); `bare` are the names that take no article and
    are never counted ("rice", "jeans"). Flags: `unique` takes "the", `fixed` is never recoloured.
    """

    label: str
    names: tuple[str, ...]
    rank: int
    bare: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()


def parse(text: str) -> Mapping[str, Concept]:
    """Concepts by label, from lines `label | name; ~bare name | flag flag`. Raises ValueError on a bad line."""
    found: dict[str, Concept] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        label, names, *rest = (part.strip() for part in line.split("|"))
        flags = frozenset(rest[0].split()) if rest else frozenset[str]()
        marked = [name.strip() for name in names.split(";") if name.strip()]
        words = tuple(name.removeprefix("~") for name in marked)
        bare = frozenset(name[1:] for name in marked if name.startswith("~"))
        if not words or label in found or not flags <= FLAGS or len(rest) > 1:
            raise ValueError(f"concept table: bad line '{line}'")
        found[label] = Concept(label, words, len(found), bare, flags)
    return MappingProxyType(found)


def concepts() -> Mapping[str, Concept]:
    """The bundled table."""
    return parse(_table("concepts.txt"))


def aliases(name: str) -> Mapping[str, str]:
    """A bundled table of lines `file name = label`; an empty label means that the drawing is not used."""
    pairs = (line.split("=", 1) for line in _table(name).splitlines() if "=" in line and line[0] != "#")
    return MappingProxyType({theirs.strip(): label.strip() for theirs, label in pairs})


def _table(name: str) -> str:
    return files("mezzotint.train.data.tables").joinpath(name).read_text(encoding="utf-8")


def slug(label: str) -> str:
    """The form in which icon collections write a label: "woman’s hat" -> "womans-hat"."""
    plain = re.sub(r"[’'“”.]", "", label.lower().replace("ñ", "n").replace("é", "e"))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
