"""Batches of composed pictures for the trainers, in an order that the step alone decides.

Takes a `Source` (index -> picture, caption, truth) and gives endless batches of tensors, from any step on. Knows no
packages, shards or networks.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, Protocol, TypeVar, cast

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from mezzotint.train.typed import from_array

RESULT = "result.json"
"""What a finished run measured about itself, in its folder."""
HELD = 1 << 40
"""Indices from here on are for looking and measuring only; no training step reaches them."""


class Source(Protocol):
    """Pictures by index: the same index gives the same picture, `H W 3` uint8, with its caption and its truth."""

    def __call__(self, index: int, /) -> tuple[NDArray[Any], str, Any]:
        """The picture of `index`, its caption and what it shows."""
        ...


class StepIndices(Sampler[list[int]]):
    """Index batches of step `start` on: step s reads indices s * batch to (s + 1) * batch."""

    def __init__(self, start: int, batch: int) -> None:
        self.start, self.batch = start, batch

    def __iter__(self) -> Iterator[list[int]]:
        step = self.start
        while True:
            yield list(range(step * self.batch, (step + 1) * self.batch))
            step += 1


Read = TypeVar("Read")


class _Indexed(Dataset[Read]):
    def __init__(self, read: Callable[[int], Read]) -> None:
        self.read = read

    def __getitem__(self, index: int) -> Read:
        return self.read(index)


def indexed_batches(read: Callable[[int], Any], start: int, batch: int, workers: int) -> Iterator[Any]:
    """What `read` gives for the indices of step `start` on, stacked; `workers` processes read ahead (0: none)."""
    yield from DataLoader(_Indexed(read), batch_sampler=StepIndices(start, batch), num_workers=workers)


def _pictured(source: Source, index: int) -> tuple[Tensor, str]:
    picture, caption, _ = source(index)
    return from_array(picture), caption


def picture_batches(
    source: Source, start: int, batch: int, workers: int
) -> Iterator[tuple[Tensor, list[str]]]:
    """Batches (`B 3 H W` uint8, captions) of step `start` on; `workers` processes compose ahead (0: none)."""
    for pictures, captions in indexed_batches(partial(_pictured, source), start, batch, workers):
        yield pictures, list(captions)


def split(batch: Any, parts: int) -> list[Any]:
    """A batch (tensor, sequence, or tuple of them) in `parts` parts of about equal length, in order."""
    if isinstance(batch, tuple):
        columns = [split(one, parts) for one in cast(tuple[Any, ...], batch)]
        return list(zip(*columns, strict=True))
    ends = [len(batch) * k // parts for k in range(parts + 1)]
    return [batch[a:b] for a, b in pairwise(ends)]


def to_network(pictures: Tensor, device: str = "cpu") -> Tensor:
    """uint8 `B 3 H W` -> float32 in -1..1."""
    return pictures.to(device).float() / 127.5 - 1


def grid(pictures: Tensor, columns: int) -> Image.Image:
    """Pictures `B 3 H W` in -1..1 as one image, row by row, with a thin grey line between them."""
    count, _, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = torch.full((3, rows * (height + 2), columns * (width + 2)), 160, dtype=torch.uint8)
    for index, picture in enumerate(pictures.detach().float().cpu()):
        top, left = (index // columns) * (height + 2), (index % columns) * (width + 2)
        shown = ((picture.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        sheet[:, top : top + height, left : left + width] = shown
    return Image.fromarray(sheet.permute(1, 2, 0).numpy())
