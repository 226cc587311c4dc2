"""Adapter files made for tests: random changes of a model's layers, written in each dialect."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from families.published import tensors
from mezzotint.adapters.lora import Adapter, bound
from mezzotint.adapters.model import weights
from mezzotint.adapters.names import Names, spellings
from mezzotint.families.family import Model
from mezzotint.weights.files import InMemory


def names_of(model: Model) -> tuple[Names, dict[str, tuple[int, ...]]]:
    live = weights(model)
    return Names(spellings(model.family), live), {name: tuple(t.shape) for name, t in live.items()}


def opened(
    model: Model,
    made: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
    path: Path = Path("made"),
) -> Adapter:
    return bound(InMemory(path, made, metadata), *names_of(model))


def change(adapter: Adapter, name: str, weight: Tensor) -> Tensor:
    """What the adapter adds to the one weight of ours, which nothing fuses."""
    (delta,) = [delta for place, delta in adapter.changes if place.ours == (name,)]
    return delta.change(weight)


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def published(kind: str) -> dict[str, Tensor]:
    return {name: torch.zeros(tuple(t.shape), dtype=t.dtype) for name, t in tensors(kind).items()}


def low_rank(
    layers: Iterable[str], shapes: Mapping[str, tuple[int, int]], rank: int = 2
) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    for number, layer in enumerate(layers):
        out, into = shapes[layer]
        made[f"{layer}.lora_up.weight"] = rand(out, rank, seed=number)
        made[f"{layer}.lora_down.weight"] = rand(rank, into, seed=number)
    return made
