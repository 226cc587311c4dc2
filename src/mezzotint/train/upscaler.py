"""Trains the small upscaler: pictures and their smaller selves, to a network that enlarges them.

Takes pictures at their full size from a `Source` and a frozen base; leaves a run folder whose averaged weights and
run.json make an `Enlarger`. Some of the small pictures went through the base's autoencoder, because what it will
enlarge is drawn by that. Knows no captions and no denoiser.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.nets.enlarger import Enlarger, EnlargerGeometry
from mezzotint.train.loop import LoopConfig, Outcome, Turn, train
from mezzotint.train.lpips import Lpips
from mezzotint.train.runs import averaged, geometry
from mezzotint.train.samples import HELD, RESULT, Source, grid, picture_batches, to_network
from mezzotint.train.typed import from_array, pieces, seed_all

SHOWN = 6
TITLE = "upscaler"


@dataclass(frozen=True)
class UpscalerConfig:
    """What to train. Weights of the losses multiply means; `redrawn` is the part of the small pictures that go
    through the autoencoder of the base."""

    geometry: EnlargerGeometry
    batch: int = 4
    l1: float = 1.0
    lpips: float = 0.1
    redrawn: float = 0.5
    workers: int = 0


def smaller(x: Tensor, factor: int) -> Tensor:
    """Pictures `B 3 fH fW` in -1..1 -> `B 3 H W`: cubic with a window as wide as the new pixels, in 256 levels."""
    size = (x.shape[-2] // factor, x.shape[-1] // factor)
    small = F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)
    return levels(small)


def levels(x: Tensor) -> Tensor:
    """Pictures in -1..1 as a file would hold them: cut off, in 256 levels."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1


@torch.no_grad()
def redrawn(autoencoder: Autoencoder, x: Tensor) -> Tensor:
    """Pictures `B 3 H W` as the autoencoder draws them."""
    parts = [autoencoder.decode(autoencoder.encode(part)[0]) for part in pieces(x, 16)]
    return levels(torch.cat(parts).float())


def turned(x: Tensor, kind: int) -> Tensor:
    """One of the eight ways to turn and mirror square pictures `B 3 H W`."""
    x = torch.rot90(x, kind % 4, (-2, -1))
    return x if kind < 4 else x.flip(-1)


@dataclass
class UpscalerTask:
    """The upscaler's side of the training loop."""

    config: UpscalerConfig
    source: Source
    autoencoder: Autoencoder
    perceptual: Lpips | None
    seed: int
    device: str = "cpu"
    title: str = TITLE
    figures: tuple[str, ...] = ("loss", "l1", "lpips")
    averaged: tuple[str, ...] = ("upscaler",)
    modules: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        seed_all(self.seed)
        self.network = Enlarger(self.config.geometry)
        # torch's own types know no memory format in `to`
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.modules = {"upscaler": self.network}
        self.autoencoder = self.autoencoder.to(self.device)
        if self.perceptual is not None:
            self.perceptual = self.perceptual.to(self.device)

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        return {"upscaler": dataclasses.asdict(self.config)}

    def compiled(self) -> tuple[nn.Module, ...]:
        """The network."""
        return (self.network,)

    def batches(self, start: int) -> Iterator[Tensor]:
        """uint8 pictures `B 3 fH fW`."""
        for pictures, _ in picture_batches(self.source, start, self.config.batch, self.config.workers):
            yield pictures

    def turns(self, step: int, batch: Tensor, generator: Generator) -> Iterator[Turn]:
        """One turn: how far what is enlarged is from the picture."""
        config, where = self.config, generator.device
        large = to_network(batch, self.device)
        small = smaller(large, config.geometry.factor)
        again = torch.rand(len(small), generator=generator, device=where).cpu() < config.redrawn
        if again.any():
            small[again] = redrawn(self.autoencoder, small[again])
        kind = int(torch.randint(8, (1,), generator=generator, device=where))
        small, large = (turned(x, kind).contiguous(memory_format=torch.channels_last) for x in (small, large))
        made = self.network(small)
        l1 = (made - large).abs().mean()
        lpips = l1.new_zeros(()) if self.perceptual is None else self.perceptual(made, large).mean()
        loss = config.l1 * l1 + config.lpips * lpips
        yield Turn("upscaler", loss, {"loss": loss.detach(), "l1": l1.detach(), "lpips": lpips.detach()})

    def held(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures that training never sees: large, small, and small as the autoencoder draws them."""
        rows = [self.source(HELD + k) for k in range(count)]
        large = to_network(torch.stack([from_array(picture) for picture, _, _ in rows]))
        small = smaller(large, self.config.geometry.factor)
        return large, small, redrawn(self.autoencoder, small.to(self.device)).cpu()

    @torch.no_grad()
    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image:
        """Held pictures; the small ones enlarged by Lanczos and by the network; redrawn ones likewise."""
        network = cast(Enlarger, modules["upscaler"])
        large, small, drawn = self.held(SHOWN)
        factor = self.config.geometry.factor
        shown = [large]
        for x in (small, drawn):
            shown += [lanczos(x, factor), network(x.to(self.device)).float().cpu()]
        return grid(torch.cat(shown), SHOWN)


def lanczos(x: Tensor, factor: int) -> Tensor:
    """Pictures `B 3 H W` in -1..1 enlarged by Pillow's Lanczos filter: what there is without a network."""
    made: list[Tensor] = []
    for picture in ((x + 1) * 127.5).round().to(torch.uint8):
        image = Image.fromarray(picture.permute(1, 2, 0).numpy())
        size = (image.width * factor, image.height * factor)
        large = torch.frombuffer(
            bytearray(image.resize(size, Image.Resampling.LANCZOS).tobytes()), dtype=torch.uint8
        )
        made.append(to_network(large.reshape(size[1], size[0], 3).permute(2, 0, 1)))
    return torch.stack(made)


def open_upscaler(run: Path) -> Enlarger:
    """The averaged upscaler of the run folder `run`, float32 on the CPU, for use."""
    return averaged(run, Enlarger(geometry(run, "upscaler", EnlargerGeometry)), "upscaler.")


@torch.no_grad()
def measure(enlarge: Callable[[Tensor], Tensor], task: UpscalerTask, count: int = 100) -> dict[str, float]:
    """PSNR in decibels and LPIPS of what `enlarge` makes of small held pictures, and of redrawn ones."""
    large, *kinds = task.held(count)
    result: dict[str, float] = {}
    for name, x in zip(("small", "redrawn"), kinds, strict=True):
        made = levels(torch.cat([enlarge(part) for part in pieces(x, 16)]))
        error = ((made - large) / 2).square().mean((1, 2, 3))
        result[f"{name}_psnr"] = float(-10 * error.clamp(min=1e-10).log10().mean())
        if task.perceptual is not None:
            pairs = zip(pieces(made, 16), pieces(large, 16), strict=True)
            result[f"{name}_lpips"] = float(torch.cat([task.perceptual(a, b) for a, b in pairs]).mean())
    return result


def train_upscaler(
    config: UpscalerConfig,
    loop: LoopConfig,
    source: Source,
    autoencoder: Autoencoder,
    perceptual: Lpips | None,
) -> Outcome:
    """Train (or go on with) the upscaler of the run folder `loop.out`; writes result.json at the end, with what
    Lanczos makes of the same pictures."""
    task = UpscalerTask(config, source, autoencoder, perceptual, loop.seed, loop.device)
    outcome = train(task, loop)
    task.device = "cpu"
    task.autoencoder = autoencoder.to("cpu")
    task.perceptual = None if perceptual is None else perceptual.to("cpu")
    factor = config.geometry.factor
    result = {
        "step": outcome.step,
        "seconds": outcome.seconds,
        "network": measure(open_upscaler(loop.out), task),
        "lanczos": measure(lambda x: lanczos(x, factor), task),
    }
    (loop.out / RESULT).write_text(json.dumps(result, indent=1) + "\n")
    return outcome
