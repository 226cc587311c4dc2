"""How a picture turns into noise: the level, and the path of Stable Diffusion 1 and 2.

Takes the betas that a model was trained with and gives levels, in float64. Latents are kept in the frame
alpha = 1, that is x = clean + sigma * noise with sigma = sqrt((1 - abar) / abar): one formula per sampler
then serves whatever the network was taught to predict. Does not know networks, prompts or step counts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Level:
    """One amount of noise; its tensors are `()`, or `(B, 1, 1, 1)` where every image has its own.

    `t` is training time (0 .. 999, fractions allowed); `alpha` and `sigma` weigh the clean latent and the
    noise. `step` counts the steps of a plan from 0, `call` the network calls within one step.
    """

    t: Tensor
    alpha: Tensor
    sigma: Tensor
    step: int = 0
    call: int = 0


def scaled_linear(first: float, last: float, count: int) -> Tensor:
    """Betas `(count,)` in float64 whose square roots are even (latent-diffusion, `make_beta_schedule`)."""
    return torch.linspace(first**0.5, last**0.5, count, dtype=torch.float64) ** 2


class Diffused:
    """The path of DDPM (Ho et al. 2020), sqrt(abar) clean + sqrt(1 - abar) noise, divided by sqrt(abar)."""

    def __init__(self, betas: Tensor) -> None:
        """Takes the training betas `(T,)`; ValueError unless they are two or more, all between 0 and 1."""
        if betas.ndim != 1 or len(betas) < 2 or not bool(((betas > 0) & (betas < 1)).all()):
            raise ValueError("betas must be a vector of two or more values between 0 and 1")
        abar = (1 - betas.double()).cumprod(0)
        self.sigmas = ((1 - abar) / abar).sqrt()
        self._log_sigmas = self.sigmas.log()

    @property
    def times(self) -> int:
        """T, how many times the model was trained at; they are 0 .. T - 1."""
        return len(self.sigmas)

    def sigma_at(self, t: Tensor) -> Tensor:
        """Sigma (float64) at training time `t`, of any shape.

        Between whole times it is log-linear (k-diffusion, `t_to_sigma`).
        """
        t = t.double().clamp(0, self.times - 1)
        low = t.floor().long().clamp(max=self.times - 2)
        return torch.lerp(self._log_sigmas[low], self._log_sigmas[low + 1], t - low).exp()

    def t_at(self, sigma: Tensor) -> Tensor:
        """Training time (float64) of `sigma`, of any shape; inverse of `sigma_at`, held within 0 .. T - 1."""
        logs = self._log_sigmas
        log = sigma.double().log().clamp(logs[0], logs[-1])
        high = torch.searchsorted(logs, log).clamp(min=1)
        return high - (logs[high] - log) / (logs[high] - logs[high - 1])

    def level(self, sigma: Tensor, step: int = 0, call: int = 0) -> Level:
        """The level of `sigma`, `()` or `(B, 1, 1, 1)`; sigma 0 is the clean latent and has t = 0."""
        sigma = sigma.double()
        return Level(self.t_at(sigma), torch.ones_like(sigma), sigma, step, call)

    def training(self, t: Tensor) -> Level:
        """The level `(B, 1, 1, 1)` of whole training times `t` (int64 `B`), taken from the table."""
        sigma = self.sigmas.to(t.device)[t].reshape(-1, 1, 1, 1)
        return Level(t.double().reshape(-1, 1, 1, 1), torch.ones_like(sigma), sigma)

    def begin(self, noise: Tensor, level: Level) -> Tensor:
        """The latent `B C H W` to start from: unit normal `noise` scaled by sqrt(1 + sigma^2), not by sigma.

        The network input then has unit variance, as in training. diffusers starts so with DDIM, PNDM and
        DPM-Solver and with Euler's leading spacing, but from sigma with Euler's linspace and trailing
        spacings.
        """
        return noise * (1 + level.sigma**2).sqrt().to(noise)
