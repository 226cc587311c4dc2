"""Reads the tensors out of a TorchScript archive without running any of it.

Takes the archive of a traced or scripted module, gives its parameters by name. The archive's code is never opened;
its one pickle is interpreted with an allow-list of constructors that are all defined here, in a process of its own
with a limit on memory, which writes safetensors: so a hostile archive can neither run code nor exhaust the machine.
Knows no network.
"""

import io
import pickle
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from mezzotint.values.errors import BadModelFile

LIMIT_BYTES = 4 << 30
TIMEOUT_SECONDS = 120


class _Record:
    """Stands for any module of the archive: keeps the attributes that the pickle sets, and does nothing."""

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)


class _Reader(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}/data.pkl")))
        self.archive, self.root = archive, root

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        allowed: dict[tuple[str, str], Callable[..., object]] = {
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch", "FloatStorage"): _Record,
            ("torch.jit._pickle", "build_intlist"): list,
            ("collections", "OrderedDict"): dict,
        }
        if (module_name, global_name) in allowed:
            return allowed[module_name, global_name]
        if module_name.startswith("__torch__"):
            return _Record
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is not allowed")

    def persistent_load(self, pid: Any) -> Tensor:
        key = str(pid[2])
        if not key.isdigit():
            raise pickle.UnpicklingError("a storage's key is not a number")
        return torch.frombuffer(bytearray(self.archive.read(f"{self.root}/data/{key}")), dtype=torch.float32)


def _tensor(storage: Tensor, offset: int, size: Sequence[int], stride: Sequence[int], *_: object) -> Tensor:
    return torch.as_strided(storage, tuple(size), tuple(stride), offset).clone()


def _named(record: object, prefix: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, value in vars(record).items():
        if isinstance(value, Tensor):
            found[prefix + name] = value
        elif isinstance(value, _Record):
            found.update(_named(value, f"{prefix}{name}."))
    return found


def read_here(source: Path) -> dict[str, Tensor]:
    """The float32 parameters of the archive, read in this process. Raises the unpickler's and zip's own errors."""
    with zipfile.ZipFile(source) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LIMIT_BYTES:
            raise pickle.UnpicklingError("it unpacks to more than 4 GB")
        pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise pickle.UnpicklingError("it holds no single module")
        module = cast(object, _Reader(archive, pickles[0].split("/")[0]).load())
    return _named(module, "")


def convert(source: Path, target: Path) -> None:
    """Write the parameters of the archive `source` to the safetensors file `target`, through a child process.

    Raises BadModelFile when the archive holds anything but tensors, or does not finish in two minutes.
    """
    command = [sys.executable, "-m", "mezzotint.evaluate.torchscript", str(source), str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise BadModelFile(source, "reading it took over two minutes") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["the reader stopped"])[-1]
        raise BadModelFile(source, f"not a readable TorchScript archive ({reason[:120]})")


def _main(source: str, target: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (TIMEOUT_SECONDS, TIMEOUT_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (4 * LIMIT_BYTES, 4 * LIMIT_BYTES))
    part = Path(target).with_suffix(".part")
    save_file(read_here(Path(source)), part)
    part.replace(target)


if __name__ == "__main__":
    _main(*sys.argv[1:])
