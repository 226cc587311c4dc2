"""Opens a pickle of weights: a child process reads it as data, and its safetensors are kept for the next time.

Takes a path. Gives the path of a safetensors file in the user's cache, named by the hash of the pickle. Nothing of
the pickle is run, here or there; one that asks for it is refused with the name of what it asked for.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, cast

from mezzotint.values.errors import BadModelFile, OutputFailed, PickleRefused, shorten
from mezzotint.values.files import cache_folder, write_atomically
from mezzotint.weights.hashes import file_hash

FORMAT = 1
"""Raised when the same pickle is to be read anew, because it would become something else."""
SECONDS = 60
BYTES_A_SECOND = 20 * 2**20
SOURCES = Path(__file__).parents[2]
START = "import sys; sys.path.insert(0, sys.argv[1]); from mezzotint.weights.confined import main; main(sys.argv[2])"


def converted(path: Path) -> Path:
    """The safetensors file with the tensors of the pickle `path`; made now or found in the cache.

    Raises PickleRefused (it asks for something that is not data), BadModelFile (damaged, beyond the limits, without
    tensors) and OutputFailed; nothing is left behind then.
    """
    with open(path, "rb") as file:
        name = file_hash(file, path)
        kept = cache_folder() / "unpickled" / f"{name}-{FORMAT}.safetensors"
        if kept.is_file():
            return kept
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputFailed(
                kept, str(error), "set XDG_CACHE_HOME to a folder that can be written"
            ) from error
        write_atomically(kept, lambda out: run_child(path, file, out))
    return kept


def run_child(path: Path, file: BinaryIO, out: BinaryIO, separator: str = ".") -> None:
    """Let a child turn the pickle in the open `file` into safetensors in `out`; `path` names it in errors.

    Raises PickleRefused and BadModelFile.
    """
    seconds = SECONDS + file.seek(0, 2) // BYTES_A_SECOND
    file.seek(0)
    line = (sys.executable, "-I", "-B", "-c", START, str(SOURCES), separator)
    try:
        done = subprocess.run(
            line,
            stdin=file,
            stdout=out,
            stderr=subprocess.PIPE,
            timeout=seconds,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise BadModelFile(path, f"could not be read within {seconds} s") from None
    if done.returncode == 0:
        return
    said = _said(done.stderr)
    if "wanted" in said:
        raise PickleRefused(path, said["wanted"])
    raise BadModelFile(path, shorten(said.get("reason", "is damaged: its reader stopped"), 120))


def _said(line: bytes) -> dict[str, str]:
    """What the child wrote as its last line; empty where it was ended before it could."""
    try:
        parsed: object = json.loads(line.decode("utf-8", "replace").strip().rpartition("\n")[2])
    except ValueError:
        return {}
    return cast("dict[str, str]", parsed) if isinstance(parsed, dict) else {}
