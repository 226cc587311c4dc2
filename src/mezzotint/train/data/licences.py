"""Decides which licences may enter the data set, from what a package says about itself.

Takes an unpacked package folder. Gives its licence name and the digest of the text that says so, or refuses.
Does not know where packages come from.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from mezzotint.values.errors import DataProblem

ALLOWED = MappingProxyType(
    {
        "mit": "MIT",
        "apache-2.0": "Apache-2.0",
        "apache 2.0": "Apache-2.0",
        "cc0-1.0": "CC0-1.0",
        "cc0": "CC0-1.0",
        "public domain": "public domain",
        "publicdomain": "public domain",
        "wordnet3.0": "WordNet-3.0",
        "wordnet-3.0": "WordNet-3.0",
    }
)
"""Names under which a licence may appear -> the name that is recorded. Everything else is refused."""

LICENCE_FILES = ("LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "COPYING")


@dataclass(frozen=True)
class Licence:
    """A licence that was accepted: its name, where it was said, and the SHA-256 of that text."""

    name: str
    said_in: str
    sha256: str


def accepted(name: object, package: str) -> str:
    """The recorded name of an allowed licence. Raises DataProblem for any other."""
    known = ALLOWED.get(name.strip().lower()) if isinstance(name, str) else None
    if known is None:
        shown = name if isinstance(name, str) and name else "none"
        allowed = ", ".join(sorted(set(ALLOWED.values())))
        raise DataProblem(
            f"package {package} has the licence '{shown[:60]}', which is not allowed",
            hint=f"leave that set out; allowed are {allowed}",
        )
    return known


def npm_licence(folder: Path, package: str) -> Licence:
    """The licence of an unpacked npm package.

    `package.json` must name an allowed licence; an icon collection's `info.json`, which speaks for the artwork,
    must name the same one. Raises DataProblem.
    """
    said = accepted(_field(folder / "package.json", "license"), package)
    info = folder / "info.json"
    if info.exists():
        of_art = _field(info, "license")
        spdx = cast(dict[str, Any], of_art).get("spdx") if isinstance(of_art, dict) else of_art
        if accepted(spdx, package) != said:
            raise DataProblem(
                f"package {package} names two licences: {said} and {spdx}", hint="leave that set out"
            )
    for name in (*LICENCE_FILES, "info.json", "package.json"):
        if (folder / name).exists():
            return Licence(said, name, _digest(folder / name))
    raise DataProblem(f"package {package} has no licence text", hint="leave that set out")


def debian_licence(copyright_file: Path, package: str) -> Licence:
    """The licence of the `Files: *` part of a machine-readable Debian copyright file. Raises DataProblem."""
    try:
        text = copyright_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise DataProblem(f"package {package} has no copyright file", hint="leave that set out") from None
    main = re.search(r"^Files: \*\n(?:.+\n)*?License: *(\S.*)$", text, re.MULTILINE)
    return Licence(accepted(main.group(1) if main else None, package), "copyright", _digest(copyright_file))


def _field(path: Path, key: str) -> object:
    try:
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return cast(dict[str, object], found).get(key) if isinstance(found, dict) else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
