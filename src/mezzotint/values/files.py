"""Files that are either complete or not there.

Takes a path and a function that writes into an open binary file. Gives a file that appears under its name only when
every byte is on disk. Knows nothing of what is written.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

from mezzotint.values.errors import OutputFailed


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where things are kept that can be made again: `mezzotint` in the user's cache."""
    return Path(environment.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "mezzotint"


def write_atomically(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Let `fill` write a file that then takes the place of `path` in one move.

    The folder must exist. Whatever interrupts the writing, `path` keeps its old content and nothing new stays in
    the folder. Raises `OutputFailed` when the system refuses (no such folder, no space, no permission).
    """
    draft = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        try:
            with draft.open("xb") as file:
                fill(file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(path, error.strerror or str(error)) from error
