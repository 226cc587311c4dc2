"""Tiny made-up packages in the forms that npm and apt-get deliver, and a fetcher that needs no network."""

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image, ImageDraw

from mezzotint.train.data.build import Progress, build
from mezzotint.train.data.concepts import Concept, parse
from mezzotint.train.data.packages import Package
from mezzotint.train.data.sets import PictureSet, coded_files, collection

SHAPES = ("car", "cat", "apple", "key", "bell", "tree", "fish", "cup", "hat", "bus", "owl", "egg")
TABLE: Mapping[str, Concept] = parse(
    "\n".join([*(f"{name} | {name}" for name in SHAPES), "sun | sun | unique"])
)
COLOURS = ("#d02020", "#e0a010", "#20a040", "#2050d0", "#8030b0", "#909090")

_STYLES = ("flat", "round", "old", "new")
KNOWN: Mapping[str, PictureSet] = MappingProxyType(
    {
        style: PictureSet(style, Package("npm", f"fake-{style}", "1.0.0"), style, collection())
        for style in _STYLES
    }
    | {"coded": PictureSet("coded", Package("npm", "fake-coded", "1.0.0"), "3d", coded_files)}
)


def code(name: str) -> str:
    """A made-up code point for a name."""
    return f"1F{list(TABLE).index(name):03X}"


def svg(index: int, offset: int) -> str:
    """A filled shape whose form and colour depend on its place in the list and on the style."""
    colour = COLOURS[index % len(COLOURS)]
    side = 6 + (index + offset) % 5
    return f'<rect x="2" y="3" width="{side}" height="{10 - offset}" rx="{offset}" fill="{colour}"/>'


def icons(style: str) -> dict[str, Any]:
    """An icon collection of all shapes, with a skin variant, an unknown name and an exact duplicate."""
    offset = list(_STYLES).index(style)
    drawn = {name: {"body": svg(index, offset)} for index, name in enumerate(TABLE)}
    extra = {"hand-dark-skin-tone": {"body": svg(1, 1)}, "nobody-knows": {"body": svg(2, 2)}}
    return {"prefix": style, "icons": {**drawn, **extra, "sun": drawn["egg"]}, "width": 16, "height": 16}


def contents(package: Package) -> dict[str, bytes]:
    """The files of a fake npm package."""
    files: dict[str, bytes] = {"package.json": b'{"license": "MIT"}', "LICENSE": b"MIT License ..."}
    style = package.name.removeprefix("fake-")
    if package.name == "emojibase-data":
        rows = [
            {"hexcode": code(name), "label": name, "tags": ["thing"], "group": 7, "subgroup": 1}
            for name in TABLE
        ]
        meta = {"groups": {"7": "objects"}, "subgroups": {"1": "tool"}}
        files |= {"en/data.json": json.dumps(rows).encode(), "meta/groups.json": json.dumps(meta).encode()}
    elif style == "coded":
        for index, name in enumerate(SHAPES):
            files[f"assets/{code(name).lower()}.webp"] = bitmap(index)
    else:
        files["icons.json"] = json.dumps(icons(style)).encode()
        files["info.json"] = b'{"license": {"spdx": "MIT"}}'
    return files


def bitmap(index: int) -> bytes:
    """A WebP picture of a coloured ellipse on nothing."""
    image = Image.new("RGBA", (48, 48))
    ImageDraw.Draw(image).ellipse((4, 4 + index, 44, 40), fill=COLOURS[index % len(COLOURS)])
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True)
    return out.getvalue()


def archive(files: Mapping[str, bytes], top: str = "package/") -> bytes:
    """The files as npm packs them."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(top + name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


class Fetcher:
    """Delivers fake packages; remembers what was asked for; `changed` replaces files of one package."""

    def __init__(self, changed: Mapping[str, Mapping[str, bytes]] | None = None) -> None:
        self.asked: list[str] = []
        self.changed = changed or {}

    def __call__(self, package: Package, folder: Path) -> Path:
        self.asked.append(str(package))
        path = folder / "package.tgz"
        path.write_bytes(archive({**contents(package), **self.changed.get(package.name, {})}))
        return path


def run(
    folder: Path,
    sets: tuple[str, ...] = tuple(KNOWN),
    fetcher: Fetcher | None = None,
    cache: Path | None = None,
) -> list[Progress]:
    """Builds the fake sets without WordNet."""
    steps = build(
        folder,
        sets,
        64,
        with_synonyms=False,
        cache=cache,
        fetcher=fetcher or Fetcher(),
        known=KNOWN,
        table=TABLE,
    )
    return list(steps)


def debian(folder: Path, files: Mapping[str, str]) -> Path:
    """A .deb of the given files, made with dpkg-deb."""
    tree = folder / "tree"
    for name, text in {"DEBIAN/control": CONTROL, **files}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    path = folder / "fake.deb"
    subprocess.run(
        ("dpkg-deb", "--build", "--root-owner-group", str(tree), str(path)), check=True, capture_output=True
    )
    return path


CONTROL = "Package: fake\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: fake\n"
