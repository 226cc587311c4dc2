"""`mezzotint train depth`: trains the small network that tells how near everything in a picture is."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.cli.training import BASE, common_flags, ended, loop, pictures
from mezzotint.train.bases import open_base
from mezzotint.train.depth import DepthConfig, train_depth

_ASSUMED: Mapping[str, Any] = MappingProxyType({"rate": 1e-3, "average": 0.995, "seed": 7})


def flags() -> tuple[Flag, ...]:
    """Those of the base, the network and its geometry, the pictures and the run."""
    return (BASE, *flags_of(DepthConfig, "training"), *common_flags(_ASSUMED))


def run(given: Mapping[str, Any]) -> int:
    """Trains. Raises MezzotintError."""
    config, settings = made(DepthConfig, given), loop(given)
    autoencoder = open_base(given["base"]).autoencoder
    return ended(train_depth(config, settings, pictures(given, settings.seed), autoencoder))
