"""`mezzotint train autoencoder`: trains the image autoencoder, or goes on with it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.cli.training import common_flags, ended, loop, pictures
from mezzotint.train.autoencoder import AutoencoderConfig, train_autoencoder
from mezzotint.train.lpips import open_lpips

_SEED = 0
_ASSUMED: Mapping[str, Any] = MappingProxyType(
    {
        "channels": (32, 64, 128, 128),
        "layers": 1,
        "latent": 16,
        "norm_groups": 8,
        "rate": 4e-4,
        "average": 0.996,
    }
)


def flags() -> tuple[Flag, ...]:
    """Those of the autoencoder's settings, its geometry, the pictures and the run."""
    return (*flags_of(AutoencoderConfig, "training", _ASSUMED), *common_flags(_ASSUMED))


def run(given: Mapping[str, Any]) -> int:
    """Trains. Raises MezzotintError."""
    config = made(AutoencoderConfig, given)
    perceptual = open_lpips(given["data"] / "packages") if config.lpips > 0 else None
    return ended(train_autoencoder(config, loop(given), pictures(given, _SEED), perceptual))
