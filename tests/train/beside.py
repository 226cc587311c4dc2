"""A toy base, toy pictures with depth, and latents of them, for the tests of what is trained beside a model."""

from pathlib import Path

import numpy as np
import torch
from toys import squares

from mezzotint.families.registry import open_model
from mezzotint.train.bases import Base, base_of
from mezzotint.train.latents import LatentCache, Latents
from mezzotint.values.recipe import ModelUse

SIDE = 32


def toy(index: int) -> tuple[np.ndarray, str, str]:
    return squares(index, SIDE)


class Deep:
    """The toy pictures, whose squares stand out from their ground."""

    def __call__(self, index: int) -> tuple[np.ndarray, str, str]:
        return toy(index)

    def depth(self, index: int) -> np.ndarray:
        return (toy(index)[0].min(2) < 255).astype(np.float32) * 0.5


def toy_base() -> Base:
    """The toy model, with a UNet that answers something."""
    model = open_model(ModelUse(base="toy"))
    torch.manual_seed(1)
    torch.nn.init.normal_(model.unet.conv_out.weight, std=0.05)
    return base_of(model, "toy")


def cached(folder: Path, base: Base, beside, size: int = 8) -> Latents:
    cache = LatentCache(folder, toy, base.autoencoder, base.captions.tokenizer, size, beside=beside)
    return Latents(cache, 1, 1, 1)
