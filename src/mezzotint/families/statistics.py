"""The statistics of unCLIP's picture vectors: the mean and deviation of each element that they are noised in.

Takes a family and weights by our names. A single file holds none: beside OpenCLIP's image encoder they are 0 and 1,
those beside OpenAI's are a file of their own. Gives what has to be written so that each layout says the same.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mezzotint.families.family import Family
from mezzotint.families.layouts.single_file import AUGMENTOR, IMAGE
from mezzotint.nets.vision import VIT_L_14, VisionGeometry
from mezzotint.values.errors import OutputFailed

MEAN, STD = f"{AUGMENTOR}.mean", f"{AUGMENTOR}.std"


def unsaid(family: Family, weights: Mapping[str, Tensor], target: Path) -> dict[str, Tensor]:
    """The statistics that a folder at `target` needs and `weights` leave unsaid: 0 and 1.

    Raises OutputFailed where nobody can tell them.
    """
    image = family.pictures.get(IMAGE)
    if not isinstance(image, VisionGeometry) or MEAN in weights:
        return {}
    if not _plain(image):
        raise OutputFailed(
            target,
            "the model's file does not hold the statistics of its picture vectors",
            hint="take a diffusers folder of this model, whose image_normalizer holds them",
        )
    like = weights[f"{IMAGE}.projection.weight"]
    zeros = torch.zeros(1, like.shape[0], dtype=like.dtype)
    return {MEAN: zeros, STD: torch.ones_like(zeros)}


def said(family: Family, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`weights` without statistics that a single file means when it holds none."""
    image, mean, std = family.pictures.get(IMAGE), weights.get(MEAN), weights.get(STD)
    if not isinstance(image, VisionGeometry) or not _plain(image) or mean is None or std is None:
        return dict(weights)
    if bool((mean.float() != 0).any()) or bool((std.float() != 1).any()):
        return dict(weights)
    return {name: tensor for name, tensor in weights.items() if name not in (MEAN, STD)}


def _plain(image: VisionGeometry) -> bool:
    """Whether files without statistics mean 0 and 1: OpenAI's encoder is told by its activation."""
    return image.activation != VIT_L_14.activation
