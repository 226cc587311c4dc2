"""`mezzotint train text`: trains the text encoder with its vocabulary, or goes on with it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.cli.training import common_flags, ended, loop, pictures
from mezzotint.train.sources import Phrased, captions
from mezzotint.train.text import TextConfig, prepare_vocabulary, train_text

_SEED = 1
_CAPTIONS = 20_000
"""How many captions the vocabulary is made from."""
_ASSUMED: Mapping[str, Any] = MappingProxyType(
    {
        "vocab": 4096,
        "length": 32,
        "width": 256,
        "layers": 4,
        "heads": 4,
        "hidden": 1024,
        "activation": "quick_gelu",
        "projection": 256,
        "size": 32,
        "rate": 1e-3,
        "average": 0.98,
    }
)


def flags() -> tuple[Flag, ...]:
    """Those of the text encoder's settings, its geometry (`vocab` is the most it may have), pictures and run."""
    return (*flags_of(TextConfig, "training", _ASSUMED), *common_flags(_ASSUMED))


def run(given: Mapping[str, Any]) -> int:
    """Trains. Raises MezzotintError."""
    source, settings = pictures(given, _SEED), loop(given)
    vocab = prepare_vocabulary(settings.out, captions(source, _CAPTIONS), given["vocab"])
    config = made(TextConfig, {**given, "vocab": vocab})
    return ended(train_text(config, settings, Phrased(source)))
