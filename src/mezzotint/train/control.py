"""Trains a network that follows hints beside a frozen model: pictures and hints to residuals.

Takes a frozen base and cached latents with hints beside them; leaves a run folder whose averaged weights and run.json
make a ControlNet or a T2I-Adapter. It learns the base's own objective (Zhang et al. 2023, Mou et al. 2023); many
captions are dropped, so that it reads the hint. Knows no preprocessor.
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
from mezzotint.nets.unet import UNet
from mezzotint.train.bases import Base
from mezzotint.train.hints import to_hint
from mezzotint.train.latents import Latents
from mezzotint.train.lessons import Batch, Lessons
from mezzotint.train.loop import LoopConfig, Outcome, Turn, train
from mezzotint.train.runs import averaged, made, settings_of
from mezzotint.train.samples import HELD, grid
from mezzotint.train.steering import KINDS, Network, Sizes, added, geometry_of
from mezzotint.train.typed import from_array, pieces, seed_all
from mezzotint.values.errors import UnknownName

SHOWN = 8
TITLE = "control"


@dataclass(frozen=True)
class ControlConfig:
    """What to train: a network of the `kind` controlnet or adapter for `hint`. `dropped` is the part of captions that
    is replaced by the empty one. All times weigh alike, because what a hint tells is needed most where there is most
    noise; `min_snr` would weigh those down."""

    hint: str = "canny"
    kind: str = "controlnet"
    sizes: Sizes = field(default_factory=Sizes)
    batch: int = 16
    min_snr: float | None = None
    dropped: float = 0.4
    shown_steps: int = 10
    guidance: float = 4.0


@dataclass
class ControlTask:
    """The network's side of the training loop."""

    config: ControlConfig
    base: Base
    latents: Latents
    seed: int
    title: str = TITLE
    figures: tuple[str, ...] = ("loss",)
    averaged: tuple[str, ...] = ("control",)
    modules: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        config, base = self.config, self.base
        if config.kind not in KINDS:
            raise UnknownName("kind of control", config.kind, tuple(KINDS))
        seed_all(self.seed)
        self.network = KINDS[config.kind].begin(config.sizes, base.unet, base.latent.factor)
        self.modules = {"control": self.network}
        self.lessons = Lessons(base, self.latents, "hint", self.seed, config.batch, config.dropped)

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        settings = {"base": self.base.name, **dataclasses.asdict(self.config)}
        return {"control": {**settings, "geometry": dataclasses.asdict(geometry_of(self.network))}}

    def compiled(self) -> tuple[nn.Module, ...]:
        """The network and the base it is trained through."""
        return (self.network, self.base.unet)

    def batches(self, start: int) -> Iterator[Batch]:
        """Posterior mean and deviation `B C h w`, token ids `B T`, hints `B 1 H W` uint8."""
        return self.lessons.batches(start)

    def turns(self, step: int, batch: Batch, generator: Generator) -> Iterator[Turn]:
        """One turn: the base's objective, answered by the base with what the network adds."""
        base, lesson = self.base, self.lessons.lesson(batch, generator)
        hint = to_hint(lesson.beside, geometry_of(self.network).pixels, base.device)

        def network(x: Tensor, t: Tensor) -> Tensor:
            return answer(base.unet, self.network, x, t, lesson.states, hint)

        loss = objective(network, lesson.clean, base.prediction, base.path, generator, self.config.min_snr)
        yield Turn("control", loss, {"loss": loss.detach()})

    @torch.no_grad()
    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image:
        """Held pictures, their hints, what is drawn from caption and hint, and from the caption alone."""
        rows = [self.latents.cache.source(HELD + k) for k in range(SHOWN)]
        pictures = torch.stack([from_array(picture) for picture, _, _ in rows]).float() / 127.5 - 1
        planes = self.latents.cache.beside(HELD, rows)["hint"]
        captions = tuple(caption for _, caption, _ in rows)
        control = cast(Network, modules["control"])
        drawn = [draw(self.base, control, self.config, captions, planes, scale) for scale in (1.0, 0.0)]
        shown = (pictures, to_hint(planes, 3) * 2 - 1, *(d.cpu() for d in drawn))
        return grid(torch.cat(shown), SHOWN)


def answer(
    unet: UNet, control: Network, x: Tensor, t: Tensor, states: Tensor, hint: Tensor, scale: float = 1.0
) -> Tensor:
    """The answer of `unet` with what `control` adds, at `scale`: all of one batch."""
    cond, weight = Conditioning(states), torch.tensor(scale, device=x.device)
    return unet(x, t, cond, added(control, unet.geometry, x, t, cond, hint, weight)).sample


@torch.no_grad()
def draw(
    base: Base,
    control: Network,
    config: ControlConfig,
    prompts: tuple[str, ...],
    planes: Tensor,
    scale: float,
) -> Tensor:
    """Pictures `B 3 H W` in -1..1 for `prompts` and kept hints `B 1 H W`, image k from seed k."""
    hint = to_hint(planes, geometry_of(control).pixels, base.device)
    tall, wide = (side // base.latent.factor for side in planes.shape[-2:])

    def call(x: Tensor, t: Tensor, states: Tensor) -> Tensor:
        return answer(base.unet, control, x, t, states, torch.cat([hint, hint]), scale)

    drawing = base.drawing(config.shown_steps, config.guidance)
    latent = drawing.latents(base.captions, prompts, (base.latent.channels, tall, wide), call)
    return torch.cat([base.decoded(part) for part in pieces(latent, 8)])


def open_control(run: Path) -> Network:
    """The averaged network of the run folder `run`, float32 on the CPU, for use."""
    said = settings_of(run, "control")
    kind = said.get("kind", "controlnet")
    if kind not in KINDS:
        raise UnknownName("kind of control", str(kind), tuple(KINDS))
    return averaged(run, made(run, KINDS[kind].again, said.get("geometry")), "control.")


def train_control(config: ControlConfig, loop: LoopConfig, base: Base, latents: Latents) -> Outcome:
    """Train (or go on with) the network of the run folder `loop.out`; the hints lie beside the latents."""
    return train(ControlTask(config, base, latents, loop.seed), loop)
