"""Adaptive projected guidance (Sadat et al. 2024): guidance without the part that only makes colours stronger.

Stands in the place of `cfg`. The difference of the answers is summed over the steps, held within a norm, and split
against the positive answer; its parallel part, which saturates, is weakened. Acts on clean latents, as the paper does.
What it remembers lives in the guide, so every run makes its own. Does not know prompts.
"""

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Answers
from mezzotint.diffusion.guidance.guide import Guide, Scale

_IMAGE = (1, 2, 3)


class Momentum:
    """The sum of the differences of a run, each `share` times less in the next step (negative: turned around)."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.sum: Tensor | None = None

    def added(self, difference: Tensor, first: bool) -> Tensor:
        """`difference` with the sum so far; only the `first` call of a step is remembered."""
        total = difference if self.sum is None else difference + self.share * self.sum
        if first:
            self.sum = total
        return total


def apg(scale: Scale, eta: float, norm: float, momentum: float) -> Guide:
    """Adds (scale - 1) times the difference: with `momentum` (beta; 0 none), of at most the `norm` r (0: any) for an
    image, and with `eta` (1: all) of its part along the positive answer (algorithm 1)."""
    memory = Momentum(momentum)

    def move(clean: Tensor, answers: Answers) -> Tensor:
        positive, negative = answers.clean[POSITIVE], answers.clean[NEGATIVE]
        difference = positive - negative
        if momentum:
            difference = memory.added(difference, answers.level.call == 0)
        if norm:
            length = difference.square().sum(dim=_IMAGE, keepdim=True).sqrt()
            difference = difference * (norm / length).clamp(max=1)
        if eta != 1:
            difference = difference - (1 - eta) * along(difference, positive)
        return clean + (scale(answers.level) - 1) * difference

    return Guide(move, (NEGATIVE,), lambda level: scale(level) != 1)


def along(vector: Tensor, direction: Tensor) -> Tensor:
    """The part of each image of `vector` B C H W that is parallel to `direction`; summed in float64."""
    line = direction.double()
    share = (vector.double() * line).sum(dim=_IMAGE, keepdim=True)
    length = line.square().sum(dim=_IMAGE, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return (share / length * line).to(vector)
