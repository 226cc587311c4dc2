"""Writes and reads WebDataset tar shards of sprites.

Takes sprites as (key, members). Gives a tar that appears under its name only when complete; equal contents give
equal bytes. Does not know what a sprite shows.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzotint.values.errors import DataProblem, OutputFailed

Sample = tuple[str, Mapping[str, bytes]]
"""(key, extension -> contents): one WebDataset sample."""


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name in its folder, syncs it, and renames it. Raises OutputFailed."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise OutputFailed(path, problem.strerror or type(problem).__name__) from None


def write_json(path: Path, value: object) -> None:
    """Writes JSON with sorted keys, in the way of `write_bytes`."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def write_shard(path: Path, samples: Sequence[Sample]) -> str:
    """Writes one shard and returns its SHA-256. Raises OutputFailed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, members in samples:
            for extension, data in members.items():
                entry = tarfile.TarInfo(f"{key}.{extension}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    data = out.getvalue()
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def read_shard(path: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The samples of one shard, in order. Raises DataProblem when it is truncated."""
    try:
        _check_end(path)
        with tarfile.open(path) as tar:
            key, members = "", dict[str, bytes]()
            for entry in tar:
                stem, _, extension = entry.name.partition(".")
                source = tar.extractfile(entry)
                if source is None:
                    continue
                if stem != key and members:
                    yield key, members
                    members = {}
                key = stem
                members[extension] = source.read()
            if members:
                yield key, members
    except (OSError, tarfile.TarError):
        raise DataProblem(
            f"the shard {path.name} is broken", hint="run `mezzotint data build` again"
        ) from None


def _check_end(path: Path) -> None:
    """Raises ReadError unless the tar ends with its two empty blocks; tarfile takes a cut header for the end."""
    with path.open("rb") as tar:
        size = tar.seek(0, os.SEEK_END)
        tar.seek(max(0, size - 1024))
        if size % 512 or tar.read() != bytes(1024):
            raise tarfile.ReadError("no end")


def shards_of(folder: Path) -> tuple[Path, ...]:
    """The finished shards of a data folder, in order. Raises DataProblem when there are none."""
    found = tuple(sorted((folder / "sprites").glob("[0-9]*.tar")))
    if not found:
        raise DataProblem(f"no sprites in {folder}", hint="make them with `mezzotint data build`")
    return found


def samples_of(folder: Path) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Every sprite of a data folder: (key, its JSON facts, its WebP bytes). Raises DataProblem."""
    for path in shards_of(folder):
        for key, members in read_shard(path):
            try:
                yield key, json.loads(members["json"]), members["webp"]
            except (KeyError, ValueError):
                raise DataProblem(
                    f"the shard {path.name} is broken at {key}", hint="run `mezzotint data build` again"
                ) from None
