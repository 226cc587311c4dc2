"""Two networks of published size one after the other: each in a process of its own, as two of them fill the memory.

A file of tests names its sides (functions that take the place of their answer) and calls `main` when it is run itself.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor

from parity.nets_reference import error

FAR = 1e-3
Side = Callable[[str, Path], None]
"""`(what, where)` computes the answer of one side to a case and saves it."""


def weight(name: str, shape: Iterable[int]) -> Tensor:
    """One weight, the same on either side: norms near 1, the rest by the size of their input."""
    noise = torch.randn(list(shape), generator=torch.Generator().manual_seed(crc32(name.encode())))
    if noise.dim() > 1:
        return noise.mul_(noise[0].numel() ** -0.5)
    gain = "norm" in name and name.endswith("weight") and "linear" not in name
    return noise.mul_(0.1).add_(1.0 if gain else 0.0)


def answers(file: str, case: str, folder: Path) -> tuple[object, object]:
    """What the sides `theirs` and `ours` of a file of tests say to a case."""
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for side in ("theirs", "ours"):
        subprocess.run([sys.executable, file, side, case, str(folder / side)], check=True, env=paths)
    return torch.load(folder / "theirs"), torch.load(folder / "ours")


def farthest(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """The largest error of several tensors by name."""
    assert found.keys() == expected.keys()
    return max(error(found[name], expected[name]) for name in expected)


def main(sides: Mapping[str, Side]) -> None:
    """Computes the side and the case that the command line names."""
    sides[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
