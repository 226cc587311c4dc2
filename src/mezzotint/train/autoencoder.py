"""Trains the image autoencoder: pixels to a small, smooth latent image and back.

Takes pictures from a `Source`; leaves a run folder whose averaged weights and run.json make an Autoencoder. The loss
is that of latent diffusion (Rombach et al. 2022, appendix G): L1 + LPIPS, a small KL term, and after some steps a
patch adversary with adaptive weight. Knows no captions and no denoiser.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Generator, Tensor, nn

from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from mezzotint.train.adversary import PatchCritic, balance, hinge
from mezzotint.train.loop import LoopConfig, Outcome, Turn, train
from mezzotint.train.lpips import Lpips
from mezzotint.train.runs import averaged, geometry
from mezzotint.train.samples import HELD, RESULT, Source, grid, picture_batches, to_network
from mezzotint.train.shaping import even_start, narrow, standardise
from mezzotint.train.typed import numbers, pieces, seed_all

SHOWN = 16


@dataclass(frozen=True)
class AutoencoderConfig:
    """What to train. Weights of the losses multiply means: L1 over pixels, KL over latent elements.

    `start_logvar` is the log-variance of a fresh network's posterior: with a wide one (0) the decoder first learns
    to ignore its noisy input. `crop` trains on random squares of that side. `decoder_only` keeps the latents as they
    are, so that a decoder can still get better while or after a denoiser learns them.
    """

    geometry: AutoencoderGeometry
    batch: int = 16
    l1: float = 1.0
    l2: float = 1.0
    lpips: float = 0.5
    kl: float = 1e-3
    start_logvar: float = -6.0
    crop: int | None = None
    decoder_only: bool = False
    adversarial_start: int | None = None
    adversarial: float = 0.5
    critic_width: int = 32
    workers: int = 0


def draw(mean: Tensor, logvar: Tensor, generator: Generator) -> Tensor:
    """A sample `B L h w` of the posterior."""
    noise = torch.randn(mean.shape, generator=generator, device=generator.device).to(mean)
    return mean + (0.5 * logvar).exp() * noise


def kl_mean(mean: Tensor, logvar: Tensor) -> Tensor:
    """KL to the unit normal, nats for each latent element, averaged."""
    return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()


def cropped(x: Tensor, side: int | None, generator: Generator) -> Tensor:
    """One random square of `side` pixels of all pictures `B 3 H W`; the whole pictures when `side` is None."""
    if side is None:
        return x
    room = torch.tensor([x.shape[-2] - side + 1, x.shape[-1] - side + 1])
    draw = torch.rand(2, generator=generator, device=generator.device).cpu()
    top, left = (int(place) for place in (draw * room).long())
    return x[..., top : top + side, left : left + side]


@dataclass
class AutoencoderTask:
    """The autoencoder's side of the training loop."""

    config: AutoencoderConfig
    source: Source
    perceptual: Lpips | None
    seed: int
    device: str = "cpu"
    title: str = "autoencoder"
    averaged: tuple[str, ...] = ("autoencoder",)
    modules: dict[str, nn.Module] = field(init=False)
    figures: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        seed_all(self.seed)
        self.network = Autoencoder(self.config.geometry)
        # torch's own types know no memory format in `to`
        self.network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        even_start(self.network)
        narrow(self.network, self.config.start_logvar)
        if self.config.decoder_only:
            for part in (self.network.encoder, self.network.quant):
                if part is not None:
                    part.requires_grad_(False)
        self.modules = {"autoencoder": self.network}
        self.figures = ("loss", "l1", "lpips", "kl")
        self.critic: PatchCritic | None = None
        if self.config.adversarial_start is not None:
            self.critic = PatchCritic(self.config.critic_width)
            self.modules["critic"] = self.critic
            self.figures += ("fool", "critic")
        if self.perceptual is not None:
            self.perceptual = self.perceptual.to(self.device)

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        return {"autoencoder": dataclasses.asdict(self.config)}

    def compiled(self) -> tuple[nn.Module, ...]:
        """Encoder, decoder, critic."""
        parts: tuple[nn.Module, ...] = (self.network.encoder, self.network.decoder)
        return parts if self.critic is None else (*parts, self.critic)

    def batches(self, start: int) -> Iterator[Tensor]:
        """uint8 pictures `B 3 H W`."""
        for pictures, _ in picture_batches(self.source, start, self.config.batch, self.config.workers):
            yield pictures

    def turns(self, step: int, batch: Tensor, generator: Generator) -> Iterator[Turn]:
        """The reconstruction's turn, then, once it has started, the critic's."""
        config = self.config
        x = cropped(to_network(batch, self.device), config.crop, generator)
        x = x.contiguous(memory_format=torch.channels_last)
        mean, logvar = self.network.encode(x)
        made = self.network.decode(draw(mean, logvar, generator))
        l1, kl = (made - x).abs().mean(), kl_mean(mean.float(), logvar.float())
        lpips = l1.new_zeros(()) if self.perceptual is None else self.perceptual(made, x).mean()
        near = config.l1 * l1 + config.l2 * (made - x).square().mean() + config.lpips * lpips
        loss, figures = near + config.kl * kl, {"l1": l1.detach(), "lpips": lpips.detach(), "kl": kl.detach()}
        started = config.adversarial_start is not None and step >= config.adversarial_start
        if self.critic is None or not started:
            yield Turn("autoencoder", loss, figures | {"loss": loss.detach()})
            return
        self.critic.requires_grad_(False)
        fool = -self.critic(made).mean()
        weight = config.adversarial * balance(near, fool, self.network.decoder.conv_out.weight)
        loss = loss + weight * fool
        yield Turn("autoencoder", loss, figures | {"loss": loss.detach(), "fool": fool.detach()})
        self.critic.requires_grad_(True)
        judged = hinge(self.critic(x), self.critic(made.detach()))
        yield Turn("critic", judged, {"critic": judged.detach()})

    def held(self, count: int) -> Tensor:
        """Pictures `B 3 H W` in -1..1 that training never sees."""
        pictures, _ = next(picture_batches(self.source, HELD // count, count, 0))
        return to_network(pictures, self.device)

    @torch.no_grad()
    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image:
        """Rows of held pictures, each row above its reconstructions."""
        x = self.held(SHOWN)
        made = modules["autoencoder"](x)
        rows = [part for pair in zip(pieces(x, 8), pieces(made, 8), strict=True) for part in pair]
        return grid(torch.cat(rows), 8)


def open_autoencoder(run: Path, *, raw: bool = False) -> Autoencoder:
    """The averaged autoencoder of the run folder `run`, float32 on the CPU, for use.

    Its latents have mean 0 and deviation 1 in every channel once the run is finished; `raw` leaves them as trained.
    """
    network = averaged(run, Autoencoder(geometry(run, "autoencoder", AutoencoderGeometry)), "autoencoder.")
    if not raw and (run / RESULT).is_file() and network.quant is not None:
        result = json.loads((run / RESULT).read_text())
        standardise(network, torch.tensor(result["channel_mean"]), torch.tensor(result["channel_std"]))
    return network


@torch.no_grad()
def measure(network: Autoencoder, task: AutoencoderTask, count: int = 128) -> dict[str, Any]:
    """Held-out quality of the raw `network`, and mean and deviation of each channel of its latents.

    `scale` is what the finished autoencoder's latents are multiplied by: 1 when they are standardised.
    """
    x = task.held(count)
    pairs = [network.encode(part) for part in pieces(x, 16)]
    mean, logvar = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    made = torch.cat([network.decode(part) for part in pieces(mean, 16)]).clamp(-1, 1)
    error = ((made - x) / 2).square().mean((1, 2, 3))
    latent = draw(mean, logvar, Generator().manual_seed(0))
    result: dict[str, Any] = {
        "psnr": float(-10 * error.clamp(min=1e-10).log10().mean()),
        "l1": float((made - x).abs().mean()),
        "posterior_std": float((0.5 * logvar).exp().mean()),
        "channel_mean": numbers(latent.mean((0, 2, 3))),
        "channel_std": numbers(latent.std((0, 2, 3))),
        "scale": 1.0 if network.quant is not None else float(1 / latent.std()),
    }
    if task.perceptual is not None:
        distances = [task.perceptual(a, b) for a, b in zip(pieces(made, 16), pieces(x, 16), strict=True)]
        result["lpips"] = float(torch.cat(distances).mean())
    return result


def train_autoencoder(
    config: AutoencoderConfig, loop: LoopConfig, source: Source, perceptual: Lpips | None
) -> Outcome:
    """Train (or go on with) the autoencoder of the run folder `loop.out`; writes result.json at the end."""
    task = AutoencoderTask(config, source, perceptual, loop.seed, loop.device)
    outcome = train(task, loop)
    task.device = "cpu"
    task.perceptual = None if perceptual is None else perceptual.to("cpu")
    result = {
        "step": outcome.step,
        "seconds": outcome.seconds,
        **measure(open_autoencoder(loop.out, raw=True), task),
    }
    (loop.out / RESULT).write_text(json.dumps(result, indent=1) + "\n")
    return outcome
