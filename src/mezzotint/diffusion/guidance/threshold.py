"""Limits for the clean latent: dynamic thresholding, and amplitudes of a lower guidance.

The first is that of Imagen (Saharia et al. 2022, section 2.3), made for pixels; the second is what users of
AUTOMATIC1111's web UI know as "CFG scale fix" (mcmonkeyprojects/sd-dynamic-thresholding, MIT; with constant scales,
start point MEAN, variability AD and separate channels). Does not know what was guided before it.
"""

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Answers
from mezzotint.diffusion.guidance.guide import Guide

_TINY = torch.finfo(torch.float32).tiny


def threshold(percentile: float, limit: float) -> Guide:
    """Clips each image at the `percentile` (0 .. 1) of its absolute values, and scales it back to `limit`.

    An image whose percentile lies below `limit` is clipped at `limit`. What is given never exceeds it.
    """

    def move(clean: Tensor, answers: Answers) -> Tensor:
        found = torch.quantile(clean.abs().flatten(1).float(), percentile, dim=1).to(clean)
        bound = found.clamp(min=limit).reshape(-1, 1, 1, 1)
        return torch.minimum(torch.maximum(clean, -bound), bound) * (limit / bound)

    return Guide(move)


def mimic(scale: float, percentile: float) -> Guide:
    """Gives every channel the amplitude about its mean that guidance of `scale` has.

    The amplitude to be replaced is the `percentile` (0 .. 1) of the distances from the mean, but not less than the
    wanted one: what lies beyond is clipped, and a latent that is not too large stays as it is.
    """

    def move(clean: Tensor, answers: Answers) -> Tensor:
        positive, negative = answers.clean[POSITIVE], answers.clean[NEGATIVE]
        model = negative + scale * (positive - negative)
        mean = clean.mean(dim=(2, 3), keepdim=True)
        away = clean - mean
        wanted = (model - model.mean(dim=(2, 3), keepdim=True)).abs().amax(dim=(2, 3), keepdim=True)
        found = torch.quantile(away.abs().flatten(2).float(), percentile, dim=2)[..., None, None].to(clean)
        bound = torch.maximum(wanted, found)
        return mean + torch.minimum(torch.maximum(away, -bound), bound) * (wanted / bound.clamp(min=_TINY))

    return Guide(move, (NEGATIVE,))
