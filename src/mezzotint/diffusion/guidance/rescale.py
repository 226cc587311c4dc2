"""Guidance rescale (Lin et al. 2023, section 3.4): gives the guided output the deviation of the positive one.

High guidance makes outputs too large, and pictures overexposed. Acts on outputs, as the paper does, so it has to be
told what the network predicts. Does not know what was guided before it.
"""

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import POSITIVE, Answers
from mezzotint.diffusion.guidance.guide import Guide
from mezzotint.diffusion.prediction import Prediction

_TINY = torch.finfo(torch.float32).tiny


def rescale(amount: float, prediction: Prediction) -> Guide:
    """Mixes `amount` (phi of equation 16, 0 .. 1) of the rescaled output with the rest as it was.

    The deviation is that of each image over channels and pixels; 0 changes nothing, and is not computed.
    """

    def move(clean: Tensor, answers: Answers) -> Tensor:
        x, level = answers.x, answers.level
        output = prediction.output(clean, x, level)
        wanted = _deviation(prediction.output(answers.clean[POSITIVE], x, level))
        factor = amount * wanted / _deviation(output).clamp(min=_TINY) + (1 - amount)
        return prediction.clean(output * factor, x, level)

    return Guide(move, active=lambda level: amount > 0)


def _deviation(x: Tensor) -> Tensor:
    """B C H W -> B 1 1 1."""
    return x.std(dim=(1, 2, 3), keepdim=True)
