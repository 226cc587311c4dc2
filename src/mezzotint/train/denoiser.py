"""Trains the denoiser: cached latents and their captions to a UNet that draws.

Takes cached latents, a frozen text encoder and a frozen autoencoder (to show samples); leaves a run folder whose
averaged weights and run.json make a UNet. The loss is that of `diffusion.objective`; captions are dropped at times,
so that guidance works. Knows no pictures and no sprites.
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
from mezzotint.diffusion.path import Diffused, scaled_linear
from mezzotint.diffusion.prediction import PREDICTIONS
from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.nets.clip import ClipText
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.text.clip import ClipTokenizer
from mezzotint.train.latents import Latents
from mezzotint.train.loop import LoopConfig, Outcome, Turn, step_seed, train
from mezzotint.train.prompted import Captions, Drawing
from mezzotint.train.runs import averaged, geometry
from mezzotint.train.samples import grid
from mezzotint.train.typed import pieces, seed_all
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Stage:
    """A part of the run: `steps` steps at pictures of `size` pixels; the last stage lasts to the end of the run."""

    size: int
    steps: int


@dataclass(frozen=True)
class DenoiserConfig:
    """What to train. `scale` multiplies latents to unit variance; `dropped` is the part of captions that is
    replaced by the empty one; `shown` are the prompts of the sample sheet."""

    geometry: UNetGeometry
    scale: float
    stages: tuple[Stage, ...]
    batch: int = 32
    prediction: str = "velocity"
    min_snr: float | None = 5.0
    dropped: float = 0.1
    shown: tuple[str, ...] = ()
    shown_steps: int = 16
    guidance: float = 4.0


@dataclass(frozen=True)
class Frozen:
    """The parts that do not train, with the latents of each picture size."""

    text: ClipText
    tokenizer: ClipTokenizer
    autoencoder: Autoencoder
    latents: Mapping[int, Latents]


@dataclass
class DenoiserTask:
    """The denoiser's side of the training loop."""

    config: DenoiserConfig
    frozen: Frozen
    seed: int
    device: str = "cpu"
    title: str = "denoiser"
    figures: tuple[str, ...] = ("loss",)
    averaged: tuple[str, ...] = ("unet",)
    modules: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        missing = [stage.size for stage in self.config.stages if stage.size not in self.frozen.latents]
        if missing or not self.config.stages:
            raise BadValue(
                "stages", f"no latents of size {missing}", "give at least one stage, and latents for each"
            )
        seed_all(self.seed)
        self.network = UNet(self.config.geometry)
        self.modules = {"unet": self.network}
        self.path = Diffused(scaled_linear(0.00085, 0.012, 1000))
        self.prediction = PREDICTIONS[self.config.prediction]
        self.captions = Captions(self.frozen.text.to(self.device), self.frozen.tokenizer, self.device)

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        return {"denoiser": dataclasses.asdict(self.config)}

    def compiled(self) -> tuple[nn.Module, ...]:
        """The UNet."""
        return (self.network,)

    def stage(self, step: int) -> Stage:
        """The stage of `step`."""
        for stage in self.config.stages[:-1]:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.config.stages[-1]

    def batches(self, start: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Posterior mean and deviation `B C h w`, token ids `B T`."""
        step = start
        while True:
            latents = self.frozen.latents[self.stage(step).size]
            yield latents.draw(step, step_seed(self.seed, step), self.config.batch)
            step += 1

    def states(self, ids: Tensor) -> Tensor:
        """Token ids `B T` -> text states `B T D`; equal texts are encoded once."""
        return self.captions.states(ids)

    def turns(self, step: int, batch: tuple[Tensor, ...], generator: Generator) -> Iterator[Turn]:
        """One turn: the objective at random times."""
        mean, std, ids = (part.to(self.device) for part in batch)
        where = generator.device
        noise = torch.randn(mean.shape, generator=generator, device=where).to(mean)
        clean = (mean + std * noise) * self.config.scale
        states = self.states(self.captions.dropped(ids, self.config.dropped, generator))

        def network(x: Tensor, t: Tensor) -> Tensor:
            return self.network(x, t, Conditioning(states)).sample

        loss = objective(network, clean, self.prediction, self.path, generator, self.config.min_snr)
        yield Turn("unet", loss, {"loss": loss.detach()})

    @torch.no_grad()
    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image | None:
        """The prompts of `shown`, drawn with guidance from fixed noise by the averaged UNet."""
        if not self.config.shown:
            return None
        unet = cast(UNet, modules["unet"])
        latent = self.draw(unet, self.config.shown, self.stage(1 << 60).size)
        autoencoder = self.frozen.autoencoder.to(self.device)
        return grid(torch.cat([autoencoder.decode(part) for part in pieces(latent, 8)]), 8)

    def draw(self, unet: UNet, prompts: tuple[str, ...], size: int) -> Tensor:
        """Unscaled latents `B C h w` for `prompts`, image k from seed k."""
        side = size // self.frozen.autoencoder.geometry.factor

        def call(x: Tensor, t: Tensor, states: Tensor) -> Tensor:
            return unet(x, t, Conditioning(states)).sample

        drawing = Drawing(self.path, self.prediction, self.config.shown_steps, self.config.guidance)
        shape = (self.config.geometry.in_channels, side, side)
        return drawing.latents(self.captions, prompts, shape, call) / self.config.scale


def open_denoiser(run: Path) -> UNet:
    """The averaged UNet of the run folder `run`, float32 on the CPU, for use."""
    return averaged(run, UNet(geometry(run, "denoiser", UNetGeometry)), "unet.")


def train_denoiser(config: DenoiserConfig, loop: LoopConfig, frozen: Frozen) -> Outcome:
    """Train (or go on with) the denoiser of the run folder `loop.out`."""
    return train(DenoiserTask(config, frozen, loop.seed, loop.device), loop)
