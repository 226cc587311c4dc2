"""`mezzotint train inpainting`: trains an inpainting variant of a finished model.

Pictures are encoded once, whole and with a hole, and kept in the run folder.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.cli.training import BASE, cached, chunk_flags, common_flags, ended, loop
from mezzotint.train.bases import open_base
from mezzotint.train.inpainting import InpaintingConfig, train_inpainting
from mezzotint.train.masks import masks_beside

_SEED = 4
_ASSUMED: Mapping[str, Any] = MappingProxyType({"rate": 8e-4, "average": 0.998})


def flags() -> tuple[Flag, ...]:
    """Those of the base, the variant, the latents, the pictures and the run."""
    return (BASE, *chunk_flags(), *flags_of(InpaintingConfig, "training"), *common_flags(_ASSUMED))


def run(given: Mapping[str, Any]) -> int:
    """Trains. Raises MezzotintError."""
    settings, config = loop(given), made(InpaintingConfig, given)
    base = open_base(given["base"], settings.device)
    latents = cached(given, base, _SEED, masks_beside(base))
    return ended(train_inpainting(config, settings, base, latents))
