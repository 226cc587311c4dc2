"""The picture sets that can be built: package, exact version, style word, and how its drawings are listed.

Takes an unpacked package folder and the emoji names. Gives `Drawing` values: which concept, and how to get its
pixels. Does not know licences, sizes or shards.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from mezzotint.train.data.concepts import aliases
from mezzotint.train.data.emoji import Emoji
from mezzotint.train.data.packages import Package
from mezzotint.train.data.raster import bitmap_pixels, svg_pixels
from mezzotint.values.errors import DataProblem

SKIN = re.compile(r"1f3f[b-f]|(light|dark|medium)-skin|-(light|medium-light|medium|medium-dark|dark)$")
"""File names of skin-tone variants."""


@dataclass(frozen=True)
class Drawing:
    """One picture of a package: its file name there, the CLDR label it shows (None: unknown), its pixels."""

    source: str
    label: str | None
    draw: Callable[[int], Image.Image]

    @property
    def is_skin_variant(self) -> bool:
        """Whether this is a variant of another drawing in another skin tone."""
        return SKIN.search(self.source.rsplit(".", 1)[0].lower()) is not None


Lister = Callable[[Path, Emoji], Iterator[Drawing]]


@dataclass(frozen=True)
class PictureSet:
    """A set of drawings in one style."""

    name: str
    package: Package
    style: str
    drawings: Lister


def coded_files(folder: Path, emoji: Emoji) -> Iterator[Drawing]:
    """Bitmaps named by their code points, as in `assets/1f34e.webp`."""
    for path in sorted((folder / "assets").glob("*.webp")):
        yield Drawing(path.name, emoji.label_of_code(path.stem), _reader(path))


def _reader(path: Path) -> Callable[[int], Image.Image]:
    return lambda side: bitmap_pixels(path.read_bytes())


def collection(table: str | None = None) -> Lister:
    """A lister of an icon collection (`icons.json`).

    Names are joined by code point where the collection has `chars.json`, else by the label's slug; bundled lists of
    former names, and `table` for one collection's own names, go before both.
    """

    def listed(folder: Path, emoji: Emoji) -> Iterator[Drawing]:
        icons = _json(folder / "icons.json")
        known = {**aliases("former_names.txt"), **(aliases(table) if table else {})}
        by_code = _labels_by_code(folder, icons, emoji)
        size = (icons.get("width", 16), icons.get("height", 16))
        for name, icon in sorted(icons["icons"].items()):
            if name in known:
                label = known[name] or None
            else:
                label = by_code.get(name) or emoji.label_of_slug(name)
            width, height = icon.get("width", size[0]), icon.get("height", size[1])
            left, top = icon.get("left", 0), icon.get("top", 0)
            yield Drawing(name, label, _renderer(icon["body"], (left, top, width, height)))

    return listed


def _renderer(body: str, box: tuple[float, float, float, float]) -> Callable[[int], Image.Image]:
    view = " ".join(f"{number:g}" for number in box)
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return lambda side: svg_pixels(f'<svg {space} viewBox="{view}">{body}</svg>', side)


def _labels_by_code(folder: Path, icons: Mapping[str, Any], emoji: Emoji) -> dict[str, str]:
    path = folder / "chars.json"
    chars: dict[str, str] = _json(path) if path.exists() else {}
    found = {name: label for code, name in chars.items() if (label := emoji.label_of_code(code))}
    for old, alias in icons.get("aliases", {}).items():
        label = emoji.label_of_slug(old)
        if label and not alias.keys() & {"hFlip", "vFlip", "rotate"}:
            found.setdefault(alias["parent"], label)
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataProblem(
            f"{path.parent.parent.name}: {path.name} is missing or broken",
            hint="remove the cache folder and run the same command again",
        ) from None


_ALL = (
    PictureSet("fluent-3d", Package("npm", "@lobehub/fluent-emoji-3d", "1.1.0"), "3d render", coded_files),
    PictureSet(
        "fluent-flat", Package("npm", "@iconify-json/fluent-emoji-flat", "1.2.6"), "flat", collection()
    ),
    PictureSet("noto", Package("npm", "@iconify-json/noto", "1.2.9"), "noto emoji", collection()),
    PictureSet(
        "fluent-glossy",
        Package("npm", "@iconify-json/fluent-emoji", "1.2.7"),
        "glossy gradient",
        collection(),
    ),
    PictureSet("noto-v1", Package("npm", "@iconify-json/noto-v1", "1.2.5"), "blob emoji", collection()),
    PictureSet(
        "fxemoji",
        Package("npm", "@iconify-json/fxemoji", "1.2.2"),
        "firefox emoji",
        collection("fxemoji.txt"),
    ),
)
SETS = MappingProxyType({entry.name: entry for entry in _ALL})
"""Every set by name."""

EMOJI_NAMES = Package("npm", "emojibase-data", "17.0.0")
"""The package that names the emoji."""
WORDNET = Package("apt-get", "wordnet-base", "1:3.0-37")
"""The package that knows synonyms."""
