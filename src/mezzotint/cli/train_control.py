"""`mezzotint train control`: trains a ControlNet or a T2I-Adapter beside a finished model, on hints.

Pictures are encoded once and kept with their hints in the run folder.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.cli.training import BASE, cached, chunk_flags, common_flags, ended, loop, pictures
from mezzotint.train.bases import open_base
from mezzotint.train.control import ControlConfig, train_control
from mezzotint.train.hints import HINTS, hints_beside
from mezzotint.values.errors import UnknownName

_SEED = 3
_ASSUMED: Mapping[str, Any] = MappingProxyType({"rate": 4e-4, "average": 0.998})


def flags() -> tuple[Flag, ...]:
    """Those of the base, the network, the latents, the pictures and the run."""
    return (BASE, *chunk_flags(), *flags_of(ControlConfig, "training"), *common_flags(_ASSUMED))


def run(given: Mapping[str, Any]) -> int:
    """Trains. Raises MezzotintError."""
    settings, config = loop(given), made(ControlConfig, given)
    if config.hint not in HINTS:
        raise UnknownName("hint", config.hint, tuple(HINTS))
    base = open_base(given["base"], settings.device)
    beside = hints_beside(HINTS[config.hint](pictures(given, _SEED)))
    return ended(train_control(config, settings, base, cached(given, base, _SEED, beside)))
