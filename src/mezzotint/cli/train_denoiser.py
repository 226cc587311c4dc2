"""`mezzotint train denoiser`: trains the denoising network on the latents of a trained autoencoder.

The pictures are encoded once and kept in the run folder.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.cli.training import chunk_flags, common_flags, ended, loop, pictures
from mezzotint.train.autoencoder import open_autoencoder
from mezzotint.train.denoiser import DenoiserConfig, Frozen, Stage, train_denoiser
from mezzotint.train.latents import LatentCache, Latents
from mezzotint.train.samples import RESULT
from mezzotint.train.text import open_text
from mezzotint.values.errors import BadValue, DataProblem, shorten

_SEED = 2
_OWN = frozenset({"scale", "stages", "in_channels", "out_channels", "context"})
"""Settings that follow from the trained parts."""
_ASSUMED: Mapping[str, Any] = MappingProxyType(
    {
        "channels": (128, 256),
        "layers": 1,
        "attention": (True, True),
        "heads": (4, 8),
        "shown": (
            "a red apple, 3d render",
            "a car, flat",
            "a blue car, 3d render",
            "a cat to the left of a dog, flat",
        ),
        "guidance": 3.0,
        "rate": 4e-4,
        "average": 0.998,
    }
)


def flags() -> tuple[Flag, ...]:
    """Those of the denoiser's settings, its geometry, the trained parts, the pictures and the run."""
    parts = (
        Flag("autoencoder", Path, "run folder of the autoencoder", required=True, group="parts"),
        Flag("text", Path, "run folder of the text encoder", required=True, group="parts"),
        Flag(
            "stages",
            tuple[str, ...],
            "SIZE:STEPS of each stage, the last to the end",
            ("64:1",),
            group="parts",
        ),
        *chunk_flags(),
    )
    training = flags_of(DenoiserConfig, "training", _ASSUMED, _OWN)
    return (*parts, *training, *common_flags(_ASSUMED, frozenset({"size"})))


def run(given: Mapping[str, Any]) -> int:
    """Trains. Raises MezzotintError."""
    settings, stages = loop(given), tuple(_stage(text) for text in given["stages"])
    text, tokenizer = open_text(given["text"])
    autoencoder = open_autoencoder(given["autoencoder"])
    latent = autoencoder.geometry.latent
    own = {
        "scale": _scale(given["autoencoder"]),
        "stages": stages,
        "in_channels": latent,
        "out_channels": latent,
        "context": text.geometry.width,
    }
    caches = {
        stage.size: Latents(
            LatentCache(
                settings.out / f"latents-{stage.size}",
                pictures(given, _SEED, stage.size),
                autoencoder,
                tokenizer,
                given["chunk"],
                settings.device,
            ),
            given["first"],
            given["most"],
            given["grow_every"],
        )
        for stage in stages
    }
    config = made(DenoiserConfig, given, own)
    return ended(train_denoiser(config, settings, Frozen(text, tokenizer, autoencoder, caches)))


def _stage(text: str) -> Stage:
    size, _, steps = text.partition(":")
    if not (size.isascii() and size.isdigit() and steps.isascii() and steps.isdigit()):
        raise BadValue("stages", f"'{shorten(text)}' is not SIZE:STEPS", "write them as in 64:20000 128:1")
    return Stage(int(size), int(steps))


def _scale(run: Path) -> float:
    """The scale that gives the autoencoder's latents unit variance, measured at the end of its run."""
    try:
        return float(json.loads((run / RESULT).read_text())["scale"])
    except (OSError, ValueError, KeyError):
        hint = "finish that run first: it measures the scale of its latents at its end"
        raise DataProblem(f"{run} has no {RESULT} with a scale", hint=hint) from None
