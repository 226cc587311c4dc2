"""Trains a ControlNet beside a frozen model: pictures and their hints to residuals that follow the hint.

Takes a frozen base and cached latents with hints beside them; leaves a run folder whose averaged weights and run.json
make a ControlNet. It begins as a copy of the base's way down with silent outputs, and learns the base's own objective
(Zhang et al. 2023); many captions are dropped, so that it reads the hint. Knows no preprocessor.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from pydantic import TypeAdapter
from torch import Generator, Tensor, nn

from mezzotint.diffusion.objective import loss as objective
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.unet import UNet
from mezzotint.train.bases import Base
from mezzotint.train.checkpoint import latest, read
from mezzotint.train.hints import to_hint
from mezzotint.train.latents import Latents
from mezzotint.train.loop import RUN, LoopConfig, Outcome, Turn, step_seed, train
from mezzotint.train.samples import HELD, grid
from mezzotint.train.typed import from_array, pieces, seed_all
from mezzotint.values.errors import BadModelFile

SHOWN = 8
TITLE = "control"
SILU_GAIN = 1.75
"""SiLU weakens what goes through it; weights this much larger keep hints at about their strength through all layers."""


@dataclass(frozen=True)
class ControlConfig:
    """What to train: a ControlNet for `hint`, with transformers at the levels of `attention` (none given: where the
    base has them) and `widths` from the hint's pixels to latent size. `dropped` is the part of captions that is
    replaced by the empty one. All times weigh alike, because what a hint tells is needed most where there is most
    noise; `min_snr` would weigh those down."""

    hint: str = "canny"
    attention: tuple[bool, ...] = ()
    widths: tuple[int, ...] = (16, 32, 64, 96)
    batch: int = 16
    min_snr: float | None = None
    dropped: float = 0.4
    shown_steps: int = 10
    guidance: float = 4.0


def geometry_of(config: ControlConfig, base: UNet) -> ControlNetGeometry:
    """The ControlNet that `config` asks for beside `base`."""
    attention = config.attention or base.geometry.attention
    return ControlNetGeometry(dataclasses.replace(base.geometry, attention=attention), config.widths)


def begun(geometry: ControlNetGeometry, base: UNet) -> ControlNet:
    """A fresh ControlNet whose way down is that of `base` (Zhang et al. 2023, section 3.1); it adds nothing yet.

    The features of the hint are not zero as in the paper, and they keep their strength on the way: behind small
    weights and two layers of zeros in a row, thousands of steps pass before a hint is seen at all.
    """
    network, theirs = ControlNet(geometry), base.state_dict()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name in theirs:
                tensor.copy_(theirs[name])
        for conv in network.hint:
            assert isinstance(conv, nn.Conv2d)
            nn.init.normal_(conv.weight, std=SILU_GAIN * conv.weight[0].numel() ** -0.5)
            if conv.bias is not None:
                conv.bias.zero_()
    return network


@dataclass
class ControlTask:
    """The ControlNet's side of the training loop."""

    config: ControlConfig
    base: Base
    latents: Latents
    seed: int
    title: str = TITLE
    figures: tuple[str, ...] = ("loss",)
    averaged: tuple[str, ...] = ("control",)
    modules: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        seed_all(self.seed)
        self.network = begun(geometry_of(self.config, self.base.unet), self.base.unet)
        self.modules = {"control": self.network}

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        settings = {"base": self.base.name, **dataclasses.asdict(self.config)}
        return {"control": {**settings, "geometry": dataclasses.asdict(self.network.control)}}

    def compiled(self) -> tuple[nn.Module, ...]:
        """The ControlNet and the base it is trained through."""
        return (self.network, self.base.unet)

    def batches(self, start: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        """Posterior mean and deviation `B C h w`, token ids `B T`, hints `B 1 H W` uint8."""
        step = start
        while True:
            drawn = self.latents.rows(step, step_seed(self.seed, step), self.config.batch)
            yield drawn.mean, drawn.std, drawn.ids, drawn.more["hint"]
            step += 1

    def turns(self, step: int, batch: tuple[Tensor, ...], generator: Generator) -> Iterator[Turn]:
        """One turn: the base's objective, answered by the base with what the ControlNet adds."""
        mean, std, ids, planes = (part.to(self.base.device) for part in batch)
        noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)
        clean = self.base.scaled(mean + std * noise)
        captions = self.base.captions
        states = captions.states(captions.dropped(ids, self.config.dropped, generator))
        hint = to_hint(planes, self.network.control.pixels, self.base.device)

        def network(x: Tensor, t: Tensor) -> Tensor:
            return answer(self.base.unet, self.network, x, t, states, hint)

        loss = objective(network, clean, self.base.prediction, self.base.path, generator, self.config.min_snr)
        yield Turn("control", loss, {"loss": loss.detach()})

    @torch.no_grad()
    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image:
        """Held pictures, their hints, what is drawn from caption and hint, and from the caption alone."""
        rows = [self.latents.cache.source(HELD + k) for k in range(SHOWN)]
        pictures = torch.stack([from_array(picture) for picture, _, _ in rows]).float() / 127.5 - 1
        planes = self.latents.cache.beside(HELD, rows)["hint"]
        captions = tuple(caption for _, caption, _ in rows)
        control = cast(ControlNet, modules["control"])
        drawn = [draw(self.base, control, self.config, captions, planes, scale) for scale in (1.0, 0.0)]
        shown = (pictures, to_hint(planes, 3) * 2 - 1, *(d.cpu() for d in drawn))
        return grid(torch.cat(shown), SHOWN)


def answer(
    unet: UNet, control: ControlNet, x: Tensor, t: Tensor, states: Tensor, hint: Tensor, scale: float = 1.0
) -> Tensor:
    """The answer of `unet` with what `control` adds, at `scale`: all of one batch."""
    cond = Conditioning(states)
    return unet(x, t, cond, control(x, t, cond, hint, torch.tensor(scale, device=x.device))).sample


@torch.no_grad()
def draw(
    base: Base,
    control: ControlNet,
    config: ControlConfig,
    prompts: tuple[str, ...],
    planes: Tensor,
    scale: float,
) -> Tensor:
    """Pictures `B 3 H W` in -1..1 for `prompts` and kept hints `B 1 H W`, image k from seed k."""
    hint = to_hint(planes, control.control.pixels, base.device)
    tall, wide = (side // control.control.factor for side in planes.shape[-2:])

    def call(x: Tensor, t: Tensor, states: Tensor) -> Tensor:
        return answer(base.unet, control, x, t, states, torch.cat([hint, hint]), scale)

    drawing = base.drawing(config.shown_steps, config.guidance)
    latent = drawing.latents(base.captions, prompts, (base.latent.channels, tall, wide), call)
    return torch.cat([base.decoded(part) for part in pieces(latent, 8)])


def open_control(run: Path) -> ControlNet:
    """The averaged ControlNet of the run folder `run`, float32 on the CPU, for use."""
    geometry = json.loads((run / RUN).read_text())["control"]["geometry"]
    network = ControlNet(TypeAdapter(ControlNetGeometry).validate_python(geometry))
    flat = read(latest(run)).tensors["average"]
    try:
        network.load_state_dict({name.removeprefix("control."): tensor for name, tensor in flat.items()})
    except RuntimeError as error:
        raise BadModelFile(run, "holds no ControlNet of the geometry in its run.json") from error
    return network.eval().requires_grad_(False)


def train_control(config: ControlConfig, loop: LoopConfig, base: Base, latents: Latents) -> Outcome:
    """Train (or go on with) the ControlNet of the run folder `loop.out`; the hints lie beside the latents."""
    return train(ControlTask(config, base, latents, loop.seed), loop)
