"""DEIS (Zhang & Chen 2023, tAB): Adams-Bashforth in the log of noise per signal, which is even where steps are.

The polynomial through the last noises is integrated over noise per signal; divided by alpha, x grows by just that.
Draws no noise.
"""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.adams import weights
from mezzotint.diffusion.samplers.moves import at_an_end, log_snr, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def deis(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; of order `tuning.order`, lower in the first steps, 1 to sigma = 0 and from alpha = 0."""
    past: deque[tuple[Tensor, Tensor]] = deque(maxlen=tuning.order)
    for index, here, there in plan.steps():
        clean = denoise(x, here)
        if bool((here.alpha > 0).all()):
            past.appendleft((-log_snr(here), (x - here.alpha.to(x) * clean) / here.sigma.to(x)))
        if len(past) > 1 and not at_an_end(here, there):
            places = [place for place, _ in past]
            x = (there.alpha / here.alpha).to(x) * x
            for share, (_, one) in zip(
                weights(places, places[0], -log_snr(there), torch.exp), past, strict=True
            ):
                x = x + (there.alpha * share).to(x) * one
        else:
            x = toward(clean, x, here, there)
        yield Step(index, there, x, clean)
