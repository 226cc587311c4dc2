"""Classifier-free guidance (Ho & Salimans 2022): away from the negative answer, through the positive one.

Takes a Predictor, gives a Denoiser. It acts on clean latents; as they are affine in the output, with the same
coefficients for all K, the outcome is that of guiding the outputs. Does not know prompts.
"""

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser, Predictor
from mezzotint.diffusion.path import Level


def cfg(predict: Predictor, scale: float) -> Denoiser:
    """Guides with K = 2 answers, positive first; ValueError for another K.

    Scale 1 gives the positive answer to the bit: callers then save the negative by using `plain`.
    """

    def denoise(x: Tensor, level: Level) -> Tensor:
        positive, negative = predict(x, level)
        return positive + (scale - 1) * (positive - negative)

    return denoise


def plain(predict: Predictor) -> Denoiser:
    """Takes the only answer, K = 1; ValueError for another K."""

    def denoise(x: Tensor, level: Level) -> Tensor:
        (clean,) = predict(x, level)
        return clean

    return denoise
