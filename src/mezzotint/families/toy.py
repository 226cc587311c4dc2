"""The toy family: very small networks with seeded random weights, for tests and for trying things out.

Takes nothing; gives a model that draws meaningless pictures in well under a second, always the same ones. It has
every kind of block that the real families have. Knows no files.
"""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.diffusion.prediction import NOISE, Prediction
from mezzotint.families.assemble import assemble, empty_model, weights_of
from mezzotint.families.family import Defaults, Family, Latent, Model, TextPart
from mezzotint.families.schedules import Betas
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.text.vocabulary import SMALLEST, Vocabulary, from_merges


def letters() -> Vocabulary:
    """A vocabulary without merge rules: every letter is a token, so nothing has to be read."""
    return from_merges(())


TOY = Family(
    name="toy",
    title="Toy (random weights)",
    denoiser=UNetGeometry(
        in_channels=4,
        out_channels=4,
        channels=(16, 32),
        layers=1,
        attention=(True, False),
        heads=(2, 4),
        context=32,
        norm_groups=8,
    ),
    autoencoder=AutoencoderGeometry(channels=(8, 16, 16, 16), layers=1, latent=4, norm_groups=8),
    texts=(
        TextPart(
            name="text",
            geometry=ClipGeometry(
                vocab=SMALLEST, length=77, width=32, layers=2, heads=2, hidden=64, activation="quick_gelu"
            ),
            vocabulary=letters,
            pad=SMALLEST - 1,
        ),
    ),
    schedule=Betas(),
    prediction=NOISE,
    latent=Latent(channels=4, factor=8, scale=0.18215),
    defaults=Defaults(width=64, height=64, steps=4, guidance=3.0, sampler="euler", spacing="leading"),
)


def make(family: Family = TOY, prediction: Prediction | None = None) -> Model:
    """A model of this family's geometry with random weights; `prediction` None is the family's own, or noise."""
    weights = weights_of(empty_model(family).networks)
    tensors = {name: random_weight(name, tuple(tensor.shape)) for name, tensor in weights.items()}
    return assemble(family, tensors, prediction or family.prediction or NOISE, Path(family.name))


def random_weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """The weight that `name` always has at this shape: scaled so that signals keep their size through a layer."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    if len(shape) > 1:
        return values / (values[0].numel() ** 0.5)
    return values * 0.1 + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
