"""`mezzotint train upscaler`: trains the small network that doubles pictures.

`--size` is that of the large pictures.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.cli.training import BASE, common_flags, ended, loop, pictures
from mezzotint.train.bases import open_base
from mezzotint.train.lpips import open_lpips
from mezzotint.train.upscaler import UpscalerConfig, train_upscaler

_SEED = 5
_ASSUMED: Mapping[str, Any] = MappingProxyType({"size": 128, "rate": 4e-4, "average": 0.998})


def flags() -> tuple[Flag, ...]:
    """Those of the base, the upscaler and its geometry, the pictures and the run."""
    return (BASE, *flags_of(UpscalerConfig, "training"), *common_flags(_ASSUMED))


def run(given: Mapping[str, Any]) -> int:
    """Trains. Raises MezzotintError."""
    config, settings = made(UpscalerConfig, given), loop(given)
    perceptual = open_lpips(given["data"] / "packages") if config.lpips > 0 else None
    autoencoder = open_base(given["base"]).autoencoder
    return ended(train_upscaler(config, settings, pictures(given, _SEED), autoencoder, perceptual))
