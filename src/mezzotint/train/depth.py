"""Trains the small depth network: pictures and their depth, to a network that tells it.

Takes pictures with planes of depth and a frozen base; leaves a run folder whose averaged weights and run.json make a
`SmallDepth`. Some of the pictures went through the base's autoencoder, because what it will look at is drawn by that.
Knows no captions and no denoiser.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Generator, Tensor, nn

from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.nets.small_depth import SmallDepth, SmallDepthGeometry
from mezzotint.train.loop import LoopConfig, Outcome, Turn, train
from mezzotint.train.runs import averaged, geometry
from mezzotint.train.samples import HELD, RESULT, Source, grid, indexed_batches, to_network
from mezzotint.train.typed import from_array, from_planes, pieces, seed_all
from mezzotint.train.upscaler import redrawn

SHOWN = 8
TITLE = "depth"


class DepthSource(Source, Protocol):
    """Pictures by index, each with the depth of what it shows."""

    def depth(self, index: int, /) -> NDArray[np.float32]:
        """The depth of the picture of `index`, `H W` in 0 (far) to 1 (near)."""
        ...


@dataclass(frozen=True)
class DepthConfig:
    """What to train. `slopes` weighs the error of slopes beside that of depths; `redrawn` is the part of the pictures
    that go through the autoencoder of the base."""

    geometry: SmallDepthGeometry
    batch: int = 16
    slopes: float = 0.5
    redrawn: float = 0.5
    workers: int = 0


def slopes(planes: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours in planes `B 1 H W`: down, and to the right."""
    return planes[..., 1:, :] - planes[..., :-1, :], planes[..., 1:] - planes[..., :-1]


def correlation(made: Tensor, wanted: Tensor) -> Tensor:
    """Pearson's correlation of planes `B 1 H W`, one figure each, -1..1; 0 where one of them is the same everywhere."""
    flat = [x.double().flatten(1) for x in (made, wanted)]
    a, b = (x - x.mean(1, keepdim=True) for x in flat)
    together = (a.square().sum(1) * b.square().sum(1)).sqrt()
    return ((a * b).sum(1) / together.clamp(min=1e-12)).float()


def _with_depth(source: DepthSource, index: int) -> tuple[Tensor, Tensor]:
    """A picture `3 H W` uint8 and its depth `1 H W`."""
    return from_array(source(index)[0]), from_planes([source.depth(index)])[0]


@dataclass
class DepthTask:
    """The depth network's side of the training loop."""

    config: DepthConfig
    source: DepthSource
    autoencoder: Autoencoder
    seed: int
    device: str = "cpu"
    title: str = TITLE
    figures: tuple[str, ...] = ("loss", "l1", "slopes")
    averaged: tuple[str, ...] = ("depth",)
    modules: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        seed_all(self.seed)
        self.network = SmallDepth(self.config.geometry)
        self.modules = {"depth": self.network}
        self.autoencoder = self.autoencoder.to(self.device)

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        return {"depth": dataclasses.asdict(self.config)}

    def compiled(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.network,)

    def batches(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """uint8 pictures `B 3 H W` and depths `B 1 H W`."""
        config = self.config
        yield from indexed_batches(partial(_with_depth, self.source), start, config.batch, config.workers)

    def turns(self, step: int, batch: tuple[Tensor, Tensor], generator: Generator) -> Iterator[Turn]:
        """One turn: how far depths and their slopes are from the truth."""
        x, wanted = to_network(batch[0], self.device), batch[1].to(self.device)
        again = torch.rand(len(x), generator=generator, device=generator.device) < self.config.redrawn
        if again.any():
            x[again] = redrawn(self.autoencoder, x[again])
        made = self.network(x).float()
        l1 = (made - wanted).abs().mean()
        pairs = zip(slopes(made), slopes(wanted), strict=True)
        bent = torch.stack([(a - b).abs().mean() for a, b in pairs]).sum()
        loss = l1 + self.config.slopes * bent
        yield Turn("depth", loss, {"loss": loss.detach(), "l1": l1.detach(), "slopes": bent.detach()})

    def held(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """What training never sees: pictures, the same as the autoencoder draws them, and depths."""
        rows = [_with_depth(self.source, HELD + k) for k in range(count)]
        pictures = to_network(torch.stack([picture for picture, _ in rows]))
        again = redrawn(self.autoencoder, pictures.to(self.device)).cpu()
        return pictures, again, torch.stack([plane for _, plane in rows])

    @torch.no_grad()
    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image:
        """Held pictures, their depths, what the network says of them, and of the same redrawn."""
        network = cast(SmallDepth, modules["depth"])
        pictures, again, wanted = self.held(SHOWN)
        said = [network(x.to(self.device)).float().cpu() for x in (pictures, again)]
        planes = [plane.expand(-1, 3, -1, -1) * 2 - 1 for plane in (wanted, *said)]
        return grid(torch.cat([pictures, *planes]), SHOWN)


def open_depth(run: Path) -> SmallDepth:
    """The averaged depth network of the run folder `run`, float32 on the CPU, for use."""
    return averaged(run, SmallDepth(geometry(run, "depth", SmallDepthGeometry)), "depth.")


@torch.no_grad()
def measure(tell: Callable[[Tensor], Tensor], task: DepthTask, count: int = 128) -> dict[str, float]:
    """Mean correlation and mean absolute error of what `tell` says of held pictures `B 3 H W`, and of redrawn ones;
    `always` is what the mean of all depths would get."""
    *kinds, wanted = task.held(count)
    said = [torch.cat([tell(part) for part in pieces(x, 16)]) for x in kinds]
    result: dict[str, float] = {}
    always = wanted.mean(0, keepdim=True).expand_as(wanted)
    for name, made in zip(("plain", "redrawn", "always"), (*said, always), strict=True):
        result[f"{name}_correlation"] = float(correlation(made, wanted).mean())
        result[f"{name}_error"] = float((made - wanted).abs().mean())
    return result


def train_depth(
    config: DepthConfig, loop: LoopConfig, source: DepthSource, autoencoder: Autoencoder
) -> Outcome:
    """Train (or go on with) the depth network of the run folder `loop.out`; writes result.json at the end."""
    task = DepthTask(config, source, autoencoder, loop.seed, loop.device)
    outcome = train(task, loop)
    task.device, task.autoencoder = "cpu", autoencoder.to("cpu")
    found = measure(open_depth(loop.out), task)
    result = {"step": outcome.step, "seconds": outcome.seconds, **found}
    (loop.out / RESULT).write_text(json.dumps(result, indent=1) + "\n")
    return outcome
