"""Thin, fully typed covers of library calls whose own types are incomplete.

Takes and gives tensors, arrays and files. Adds no behaviour.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import torch as storage
from torch import Tensor, nn


def load_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, on the CPU."""
    return storage.load_file(path)  # pyright: ignore[reportUnknownMemberType]


def store_tensors(tensors: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file; not atomic, the caller renames."""
    storage.save_file(dict(tensors), path, metadata)  # pyright: ignore[reportUnknownMemberType]


def from_array(picture: NDArray[Any]) -> Tensor:
    """A picture `H W 3` as a tensor `3 H W` that owns its memory."""
    tensor: Tensor = torch.from_numpy(picture)  # pyright: ignore[reportUnknownMemberType]
    return tensor.permute(2, 0, 1).contiguous()


def from_planes(planes: Sequence[NDArray[Any]]) -> Tensor:
    """Planes `H W` of one size as a tensor `N 1 H W` that owns its memory."""
    tensor: Tensor = torch.from_numpy(np.stack(planes)[:, None])  # pyright: ignore[reportUnknownMemberType]
    return tensor


def seed_all(seed: int) -> None:
    """Seed torch's global generator: fresh weights come from it."""
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]


def named_modules(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """All modules inside `module` with their full names, itself first."""
    yield from module.named_modules()  # pyright: ignore[reportUnknownMemberType]


def pieces(x: Tensor, size: int) -> list[Tensor]:
    """`x` cut along its first axis into pieces of `size`; the last may be shorter."""
    return [x[start : start + size] for start in range(0, len(x), size)]


def numbers(x: Tensor) -> list[float]:
    """A vector as plain numbers."""
    return [float(value) for value in x]


def distinct(rows: Tensor) -> tuple[Tensor, Tensor]:
    """The different rows of `N T`, and for each of the N which one it is."""
    different, places = torch.unique(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        rows, dim=0, return_inverse=True
    )
    return different, places  # pyright: ignore[reportUnknownVariableType]
