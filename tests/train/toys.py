"""Toy tasks and sources for the tests of the trainers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor, nn

from mezzotint.train.loop import LoopConfig, Turn

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (30, 60, 220), "yellow": (230, 220, 40)}


def squares(index: int, size: int = 16) -> tuple[np.ndarray, str, str]:
    """A square of one of four colours on white, with its caption and its colour."""
    random = np.random.default_rng(index)
    name = list(COLOURS)[int(random.integers(4))]
    picture = np.full((size, size, 3), 255, np.uint8)
    left, top = (int(v) for v in random.integers(1, size // 2 - 1, 2))
    picture[top : top + size // 2, left : left + size // 2] = COLOURS[name]
    return picture, f"a {name} square", name


def worded(index: int) -> tuple[np.ndarray, str, str, str]:
    """The same with two wordings and, every other time, a wrong one."""
    picture, caption, name = squares(index, 32)
    wrong = next(other for other in COLOURS if other != name)
    return picture, caption, f"square, {name}", f"a {wrong} square" if index % 2 else ""


class LineTask:
    """Two modules that learn in turns, with random numbers in the loss, so that every part of a resume matters."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.title = "line"
        self.figures = ("first", "second")
        self.modules: dict[str, nn.Module] = {"first": nn.Linear(4, 4), "second": nn.Linear(4, 1)}
        self.averaged = ("first",)
        self.seen: list[int] = []

    def description(self) -> dict[str, Any]:
        return {"line": {}}

    def compiled(self) -> tuple[nn.Module, ...]:
        return tuple(self.modules.values())

    def batches(self, start: int) -> Iterator[Tensor]:
        step = start
        while True:
            self.seen.append(step)
            yield torch.randn(6, 4, generator=Generator().manual_seed(step))
            step += 1

    def turns(self, step: int, batch: Tensor, generator: Generator) -> Iterator[Turn]:
        noise = torch.randn(batch.shape, generator=generator)
        made = self.modules["first"](batch + 0.1 * noise)
        loss = (made - batch.flip(1)).square().mean()
        yield Turn("first", loss, {"first": loss.detach()})
        second = (self.modules["second"](made.detach()) - batch.sum(1, keepdim=True)).square().mean()
        yield Turn("second", second, {"second": second.detach()})

    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image | None:
        return Image.new("RGB", (8, 8))


def short(out: Path, steps: int, **changes: Any) -> LoopConfig:
    """A loop of a few steps."""
    base = {
        "warm_up": 2,
        "rate": 3e-3,
        "save_every": 1000,
        "sample_every": 1000,
        "log_every": 5,
        "threads": 1,
    }
    return LoopConfig(out, steps=steps, **{**base, **changes})


def column(out: Path, name: str) -> list[float]:
    """One column of loss.csv."""
    header, *rows = (out / "loss.csv").read_text().splitlines()
    place = header.split(",").index(name)
    return [float(row.split(",")[place]) for row in rows]
