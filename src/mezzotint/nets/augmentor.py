"""The noise augmentor of SD 2.1 unCLIP: blurs the vectors of pictures with noise, and says how much it was.

Takes the vectors of a CLIP vision tower, a level and noise that the caller has drawn. Gives what the UNet takes as
`pooled`. Knows no random numbers and no files; its own schedule has nothing to do with that of the denoiser. Reference:
Stability-AI/stablediffusion, ldm/modules/encoders/modules.py, CLIPEmbeddingNoiseAugmentation.

Shapes: B batch, P width of the vectors.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mezzotint.nets.layers import time_embedding
from mezzotint.values.errors import BadValue

LEVELS = 1000
STEEPEST = 0.999
"""The largest share of signal that one step of the schedule takes away."""


def cosine_signal(levels: int = LEVELS) -> Tensor:
    """How much of the variance is still signal after each step of the cosine schedule (Nichol & Dhariwal 2021,
    equation 17, offset 0.008): `levels` values, float64, falling."""
    t = torch.arange(levels + 1, dtype=torch.float64) / levels
    signal = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - signal[1:] / signal[:-1]).clamp(max=STEEPEST)
    return torch.cumprod(1 - betas, dim=0)


@dataclass(frozen=True)
class AugmentorGeometry:
    """The sizes of a noise augmentor: `width` P of the vectors."""

    width: int


class NoiseAugmentor(nn.Module):
    """`mean` and `std` of each element over the vectors of the training pictures; 0 and 1 where none are known."""

    def __init__(self, width: int) -> None:
        super().__init__()
        if width < 2 or width % 2:
            raise BadValue("width", f"vectors of {width} elements", "use an even number of at least 2")
        self.width = width
        self.mean = nn.Parameter(torch.zeros(1, width))
        self.std = nn.Parameter(torch.ones(1, width))

    def forward(self, vectors: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        """As `noised`, and beside it the sinusoids of the level: B 2P, what the authors' UNet takes.

        A UNet whose geometry says Vector(P, 1, P) takes that as `pooled`, or `noised` as `pooled` and the level as
        `numbers`, whose sinusoids it makes itself.
        """
        noised = self.noised(vectors, level, noise)
        return torch.cat([noised, time_embedding(level, self.width).to(noised.dtype)], dim=1)

    def noised(self, vectors: Tensor, level: Tensor, noise: Tensor) -> Tensor:
        """`vectors` and `noise` B P, `level` B int64 in 0 (almost none) .. 999 (almost all) -> the noised vectors in
        their own statistics, B P.

        Raises BadValue for another width, a level out of range, or batches that differ.
        """
        self._check(vectors, level, noise)
        kept = cosine_signal().to(level.device)[level][:, None]
        signal, blur = kept.sqrt().to(vectors.dtype), (1 - kept).sqrt().to(vectors.dtype)
        centred = (vectors - self.mean) / self.std
        return (signal * centred + blur * noise) * self.std + self.mean

    def _check(self, vectors: Tensor, level: Tensor, noise: Tensor) -> None:
        batch = vectors.shape[:1]
        if vectors.shape != (*batch, self.width) or noise.shape != vectors.shape or level.shape != batch:
            raise BadValue(
                "vectors",
                f"vectors {tuple(vectors.shape)}, noise {tuple(noise.shape)} and levels {tuple(level.shape)}",
                f"give one level, and noise of the shape of the vectors, of width {self.width}",
            )
        if level.numel() and not 0 <= int(level.min()) <= int(level.max()) < LEVELS:
            raise BadValue("level", "a noise level out of range", f"use whole numbers from 0 to {LEVELS - 1}")
