"""Trains an inpainting variant of a finished model: it also sees a mask and the picture with a hole.

Takes a frozen base and cached latents with masks beside them; leaves a run folder whose averaged weights and run.json
make a UNet with more input channels, in the order of Stable Diffusion's inpainting: latent, mask (1 = to be painted),
masked latent. It begins as the base, blind to the new channels. Knows no sampler and no pasting.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Generator, Tensor, nn

from mezzotint.diffusion.objective import loss as objective
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.train.bases import Base
from mezzotint.train.latents import Latents
from mezzotint.train.lessons import Batch, Lessons
from mezzotint.train.loop import LoopConfig, Outcome, Turn, train
from mezzotint.train.low_rank import change, thinned
from mezzotint.train.masks import holed, shown, stacked
from mezzotint.train.runs import average, geometry
from mezzotint.train.samples import HELD, grid
from mezzotint.train.typed import pieces, seed_all

SHOWN = 8
TITLE = "inpainting"
INPUT = "conv_in.weight"


@dataclass(frozen=True)
class InpaintingConfig:
    """What to train: the base's UNet with changes of `rank` (none: every weight learns) and new input channels.
    `dropped` is the part of captions that is replaced by the empty one. All times weigh alike, because what surrounds a
    hole tells most where there is most noise; `min_snr` would weigh those down."""

    rank: int | None = 16
    batch: int = 16
    min_snr: float | None = None
    dropped: float = 0.1
    shown_steps: int = 10
    guidance: float = 4.0


def geometry_of(base: UNetGeometry, latent: int) -> UNetGeometry:
    """The base's UNet for a latent of `latent` channels, with the mask and the masked latent beside it."""
    return dataclasses.replace(base, in_channels=2 * latent + 1)


def widened(base: UNet, latent: int) -> UNet:
    """A UNet that takes the new channels and answers as `base` does, whatever they hold."""
    network = UNet(geometry_of(base.geometry, latent))
    tensors = dict(base.state_dict())
    old = tensors[INPUT]
    tensors[INPUT] = torch.zeros_like(network.conv_in.weight)
    tensors[INPUT][:, : old.shape[1]] = old
    network.load_state_dict(tensors)
    return network


@dataclass
class InpaintingTask:
    """The inpainting variant's side of the training loop."""

    config: InpaintingConfig
    base: Base
    latents: Latents
    seed: int
    title: str = TITLE
    figures: tuple[str, ...] = ("loss",)
    averaged: tuple[str, ...] = ("unet",)
    modules: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        seed_all(self.seed)
        self.network = widened(self.base.unet, self.base.latent.channels)
        if self.config.rank is not None:
            thinned(self.network, self.config.rank, frozenset({INPUT}))
        self.modules = {"unet": self.network}
        config = self.config
        self.lessons = Lessons(self.base, self.latents, "planes", self.seed, config.batch, config.dropped)

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        settings = {"base": self.base.name, **dataclasses.asdict(self.config)}
        return {"inpainting": {**settings, "geometry": dataclasses.asdict(self.network.geometry)}}

    def compiled(self) -> tuple[nn.Module, ...]:
        """The UNet."""
        return (self.network,)

    def batches(self, start: int) -> Iterator[Batch]:
        """Posterior mean and deviation `B C h w`, token ids `B T`, planes `B (1 + C) h w`."""
        return self.lessons.batches(start)

    def turns(self, step: int, batch: Batch, generator: Generator) -> Iterator[Turn]:
        """One turn: the base's objective, with the mask and the masked latent beside the noisy one."""
        base, lesson = self.base, self.lessons.lesson(batch, generator)
        cond = Conditioning(lesson.states, planes=lesson.beside.float())

        def network(x: Tensor, t: Tensor) -> Tensor:
            return self.network(x, t, cond).sample

        loss = objective(network, lesson.clean, base.prediction, base.path, generator, self.config.min_snr)
        yield Turn("unet", loss, {"loss": loss.detach()})

    @torch.no_grad()
    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image:
        """Held pictures, the same with holes, and what is drawn from those and the captions."""
        rows = [self.latents.cache.source(HELD + k) for k in range(SHOWN)]
        pictures, masks = stacked(HELD, rows)
        captions = tuple(caption for _, caption, _ in rows)
        made = draw(self.base, cast(UNet, modules["unet"]), self.config, captions, pictures, masks)
        return grid(torch.cat([pictures, holed(pictures, masks), made.cpu()]), SHOWN)


@torch.no_grad()
def draw(
    base: Base,
    unet: UNet,
    config: InpaintingConfig,
    prompts: tuple[str, ...],
    pictures: Tensor,
    masks: Tensor,
) -> Tensor:
    """Pictures `B 3 H W` in -1..1, image k from seed k, for `prompts`, pictures in -1..1 and masks `B 1 H W`."""
    planes = shown(base, pictures, masks)

    def call(x: Tensor, t: Tensor, states: Tensor) -> Tensor:
        return unet(x, t, Conditioning(states, planes=torch.cat([planes, planes]))).sample

    shape = (base.latent.channels, planes.shape[-2], planes.shape[-1])
    latent = base.drawing(config.shown_steps, config.guidance).latents(base.captions, prompts, shape, call)
    return torch.cat([base.decoded(part) for part in pieces(latent, 8)])


def open_change(run: Path) -> tuple[UNetGeometry, dict[str, Tensor]]:
    """The geometry of the variant in the run folder `run`, and how its averaged weights differ from the base."""
    return geometry(run, "inpainting", UNetGeometry), change(average(run, "unet."))


def train_inpainting(config: InpaintingConfig, loop: LoopConfig, base: Base, latents: Latents) -> Outcome:
    """Train (or go on with) the variant of the run folder `loop.out`; masks lie beside the latents."""
    return train(InpaintingTask(config, base, latents, loop.seed), loop)
