"""The training loss, from the same path and prediction that sampling uses.

Takes clean latents and a network that already holds its conditioning; gives one number. All randomness comes
from the generator. Does not know optimisers, data or prompts.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from mezzotint.diffusion.path import Level, Path, noised
from mezzotint.diffusion.prediction import Prediction

Network = Callable[[Tensor, Tensor], Tensor]
"""`(input B C H W, t float B) -> output B C H W`, in any floating dtype."""


def weight(level: Level, prediction: Prediction, min_snr: float) -> Tensor:
    """The min-SNR-gamma weight of each image, shaped as `level.sigma` (Hang et al. 2023, section 3.4).

    An error of the clean latent weighs min(snr, gamma), and an error of the output moves the clean latent by
    the slope of `prediction.clean`: that gives min(snr, gamma) / snr for noise, min(snr, gamma) / (snr + 1)
    for velocity.
    """
    snr = level.alpha**2 * level.sigma**-2
    slope = prediction.clean(torch.ones_like(snr), torch.zeros_like(snr), level)
    return snr.clamp(max=min_snr) * slope**2


def loss(
    network: Network,
    clean: Tensor,
    prediction: Prediction,
    path: Path,
    generator: Generator,
    min_snr: float | None = None,
) -> Tensor:
    """Mean squared error `()` of the network's outputs at random times, one for each latent of `B C H W`.

    `clean` is float32; outputs of any dtype are read in it. Times, then noise, are drawn on the generator's
    device. `min_snr` is gamma (5 in the paper); None weighs all errors alike.
    """
    where = generator.device
    t = torch.randint(path.times, clean.shape[:1], generator=generator, device=where)
    noise = torch.randn(clean.shape, generator=generator, device=where).to(clean)
    level = path.training(t)
    x = noised(clean, noise, level)
    output = network(prediction.scale_in(x, level), level.t.reshape(-1).to(clean))
    error = (output.to(clean) - prediction.target(clean, noise, level)) ** 2
    if min_snr is not None:
        error = error * weight(level, prediction, min_snr).to(error)
    return error.mean()
