"""Hashes of files, computed once: those of files that do not change are read from a cache.

Takes open files, or stamps of files and a function that computes. Gives a hash in hex. A file is known by its path,
device, inode, size and both times; of one that was written a moment ago nothing is remembered, because clocks are too
coarse to tell the next write. The memory is a cache: a damaged one is made anew.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import BinaryIO

from mezzotint.values.errors import OutputFailed
from mezzotint.values.files import cache_folder, write_atomically

SETTLED = 2 * 10**9
"""Nanoseconds after which a write would have another time: file systems count in up to two seconds."""
_BLOCK = 2**22
_HASH = re.compile(r"[0-9a-f]{64}")

Told = Callable[[int, int], object]
"""Takes how many bytes of how many have been read."""


@dataclass(frozen=True)
class Stamp:
    """What changes when a file does; times in nanoseconds, `altered` that of its entry in the folder."""

    path: str
    device: int
    inode: int
    size: int
    changed: int
    altered: int

    @staticmethod
    def of(path: Path, seen: os.stat_result) -> "Stamp":
        """The stamp of the file at `path` that the system describes so."""
        place = os.path.abspath(path)
        return Stamp(place, seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)

    def settled(self, now: int) -> bool:
        """Whether any later write has another time than the last one before `now`, in nanoseconds."""
        return now - self.altered > SETTLED


def file_hash(file: BinaryIO, path: Path, told: Told | None = None) -> str:
    """The sha256 of all bytes of the open `file`, which lies at `path`; `told` hears of the reading, if there is any.

    Raises OSError.
    """

    def seen() -> Stamp:
        return Stamp.of(path, os.fstat(file.fileno()))

    first = seen()
    return remembered("sha256", [first], lambda: _read(file, first.size, told), lambda: seen() == first)


def _read(file: BinaryIO, size: int, told: Told | None) -> str:
    hashed, done = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(_BLOCK):
        hashed.update(block)
        done += len(block)
        if told is not None:
            told(done, size)
    return hashed.hexdigest()


def remembered(
    purpose: str, stamps: Sequence[Stamp], compute: Callable[[], str], same: Callable[[], bool]
) -> str:
    """What `compute` makes of the files with these `stamps`, from the cache where it is known: a sha256 in hex.

    `purpose` says what is hashed of them; `same` whether they are still as stamped when it has been computed.
    """
    began = time.time_ns()
    named = json.dumps([purpose, *(stamp.path for stamp in stamps)])
    kept = cache_folder() / "hashes" / f"{hashlib.sha256(named.encode()).hexdigest()}"
    facts = json.dumps([astuple(stamp) for stamp in stamps])
    known = _known(kept, facts)
    if known is not None:
        return known
    found = compute()
    if stamps and all(stamp.settled(began) for stamp in stamps) and same():
        _keep(kept, f"{found}\n{facts}")
    return found


def _known(kept: Path, facts: str) -> str | None:
    try:
        found, _, of = kept.read_text("utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    return found if of == facts and _HASH.fullmatch(found) else None


def _keep(kept: Path, text: str) -> None:
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, lambda file: file.write(text.encode()))
    except (OSError, OutputFailed):
        return  # a cache that cannot be written costs time, nothing else
