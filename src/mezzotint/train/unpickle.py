"""Reads a pickle of plain numpy arrays in a process of its own and writes safetensors.

Run as a script with two paths, so that nothing a hostile file might do happens in the caller. Only what an array
needs may be named in the pickle; anything else ends the process with status 3. Knows nothing of what the arrays mean.
"""

import io
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import numpy as storage

ALLOWED = frozenset(
    (module, name)
    for base in ("numpy.core", "numpy._core")
    for module, name in ((f"{base}.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"))
)
REFUSED = 3
SECONDS = 120


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not part of an array")
        if global_name == "_reconstruct":
            return np.zeros(0).__reduce__()[0]  # it has moved between versions of numpy
        return np.ndarray if global_name == "ndarray" else np.dtype


def arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a pickled nest of dictionaries, named by their joined keys `a/b/c`.

    Raises pickle.UnpicklingError for anything but dictionaries of arrays of numbers. Call it in a process of its own.
    """
    return dict(_walk(_ArraysOnly(io.BytesIO(data)).load(), ""))


def _walk(value: object, path: str) -> Iterator[tuple[str, NDArray[Any]]]:
    if isinstance(value, np.ndarray):
        array = cast(NDArray[Any], value)
        if array.dtype.kind not in "fiu":
            raise pickle.UnpicklingError(f"{path or 'the file'} holds no numbers")
        yield path, array
    elif isinstance(value, Mapping):
        for key, inner in cast(Mapping[object, object], value).items():
            yield from _walk(inner, f"{path}/{key}".lstrip("/"))
    else:
        raise pickle.UnpicklingError(f"{path or 'the file'} is not an array of numbers")


def convert(source: Path, target: Path) -> None:
    """Let a child process turn the pickle `source` into the safetensors file `target`.

    Raises ValueError when the file holds anything but arrays, or cannot be read in two minutes.
    """
    line = (sys.executable, "-I", str(Path(__file__).resolve()), str(source), str(target))
    try:
        done = subprocess.run(line, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError(f"no answer in {SECONDS} s") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(said[-1][:200] if said else f"the reader ended with status {done.returncode}")


def main(source: str, target: str) -> int:
    """The child's work; returns its exit status."""
    try:
        found = arrays(Path(source).read_bytes())
    except Exception as error:  # noqa: BLE001 - a hostile file may raise anything; the child then ends
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return REFUSED
    plain = {name: np.ascontiguousarray(array) for name, array in found.items()}
    storage.save_file(plain, target)  # pyright: ignore[reportUnknownMemberType]
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
