"""Whether files are still what they were: by their entries in the folder, and by the hash of what is in them.

Takes paths. Reads no tensor.
"""

from pathlib import Path

from mezzotint.values.errors import ModelNotFound
from mezzotint.weights.hashes import Told, file_hash

Identity = tuple[tuple[str, int, int, int], ...]
"""Name, inode, size and time of change of every file of a model."""


def identity(path: Path) -> Identity:
    """What changes when a file, or any file of a folder, is exchanged."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    stats = [(str(p), p.stat()) for p in files]
    return tuple((name, s.st_ino, s.st_size, s.st_mtime_ns) for name, s in stats)


def sha256_of(path: Path, told: Told | None = None) -> str:
    """The hash of a file's bytes; `told` hears of the reading. Raises ModelNotFound."""
    try:
        with open(path, "rb") as file:
            return file_hash(file, path, told)
    except (OSError, ValueError):
        raise ModelNotFound(str(path), "check the path of the adapter: there is no such file") from None
