"""How a picture turns into noise: the level, and the paths of Stable Diffusion 1, 2 and XL and of 3.

Takes what a model was trained with, betas or a shift, and gives levels, in float64: x = alpha * clean + sigma *
noise. Along both paths alpha is linear in sigma (1, or 1 - sigma), so (x - clean) / sigma is dx / dsigma on
either, and one formula per sampler serves whatever the network was taught to predict. Does not know networks,
prompts or step counts.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Level:
    """One amount of noise; its tensors are `()`, or `(B, 1, 1, 1)` where every image has its own.

    `t` is the time that the network is told (0 .. 1000, fractions allowed); `alpha` and `sigma` weigh the
    clean latent and the noise. `step` counts the steps of a plan from 0, `call` the network calls within one step.
    """

    t: Tensor
    alpha: Tensor
    sigma: Tensor
    step: int = 0
    call: int = 0


def scaled_linear(first: float, last: float, count: int) -> Tensor:
    """Betas `(count,)` in float64 whose square roots are even (latent-diffusion, `make_beta_schedule`)."""
    return torch.linspace(first**0.5, last**0.5, count, dtype=torch.float64) ** 2


def faded(abar: Tensor, floor: float) -> Tensor:
    """`abar` `(T,)` moved and stretched so that its root falls to 0 at the last time and its first value stays.

    Lin et al. 2023, algorithm 1 (zero terminal SNR). At 0 sigma would be infinite: the last value is `floor`.
    """
    root = abar.sqrt()
    moved = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    return torch.cat([moved[:-1] ** 2, torch.tensor([floor], dtype=abar.dtype)])


def noised(clean: Tensor, noise: Tensor, level: Level) -> Tensor:
    """The latent `B C H W` at `level`: alpha * clean + sigma * noise, in the dtype of `clean`."""
    return level.alpha.to(clean) * clean + level.sigma.to(clean) * noise


class Path(ABC):
    """The levels between a clean latent and noise; `sigmas` `(T,)` are those trained at, rising, in float64."""

    sigmas: Tensor

    @property
    def times(self) -> int:
        """T, how many levels the model was trained at; their places are 0 .. T - 1."""
        return len(self.sigmas)

    @abstractmethod
    def sigma_at(self, place: Tensor) -> Tensor:
        """Sigma (float64) at a place of the trained table, of any shape; fractions lie between."""

    @abstractmethod
    def even(self, steps: int) -> Tensor:
        """`steps` sigmas (float64), falling, as even in time as the reference of this path spaces them."""

    @abstractmethod
    def level(self, sigma: Tensor, step: int = 0, call: int = 0) -> Level:
        """The level of `sigma`, `()` or `(B, 1, 1, 1)`; sigma 0 is the clean latent and has t = 0."""

    @abstractmethod
    def sigma_of(self, ratio: Tensor) -> Tensor:
        """Sigma (float64) where noise weighs `ratio` times the signal, sigma / alpha = ratio; of any shape."""

    @abstractmethod
    def sigma_told(self, t: Tensor) -> Tensor:
        """Sigma (float64) where the network is told `t`, of any shape; t = 0 is the least that it can be told."""

    @abstractmethod
    def training(self, place: Tensor) -> Level:
        """The level `(B, 1, 1, 1)` of whole places (int64 `B`), taken from the table."""

    def begin(self, noise: Tensor, level: Level) -> Tensor:
        """The latent `B C H W` to start from: unit normal `noise` scaled by sqrt(alpha^2 + sigma^2), not by sigma.

        What the network sees then has the variance that it had in training. On the path of SD 1 and 2 diffusers
        starts so with DDIM, PNDM and DPM-Solver and with Euler's leading spacing, but from sigma with Euler's
        linspace and trailing spacings. At sigma = 1 on the rectified path it is the noise itself.
        """
        return noise * (level.alpha**2 + level.sigma**2).sqrt().to(noise)


class Diffused(Path):
    """The path of DDPM (Ho et al. 2020), sqrt(abar) clean + sqrt(1 - abar) noise, divided by sqrt(abar).

    So alpha is 1 and sigma is sqrt((1 - abar) / abar); place and time are the same.
    """

    def __init__(self, betas: Tensor, floor: float | None = None) -> None:
        """Takes the training betas `(T,)`, and for a model trained up to pure noise the `floor` of abar at its end.

        ValueError unless the betas are two or more, all between 0 and 1, and the floor is below every abar.
        """
        if betas.ndim != 1 or len(betas) < 2 or not bool(((betas > 0) & (betas < 1)).all()):
            raise ValueError("betas must be a vector of two or more values between 0 and 1")
        abar = (1 - betas.double()).cumprod(0)
        if floor is not None:
            abar = faded(abar, floor)
            if not 0 < floor < float(abar[-2]):
                raise ValueError("the floor must lie between 0 and the last abar before it")
        self.sigmas = ((1 - abar) / abar).sqrt()
        self._log_sigmas = self.sigmas.log()

    def sigma_at(self, place: Tensor) -> Tensor:
        """Sigma (float64) at training time `place`, of any shape.

        Between whole times it is log-linear (k-diffusion, `t_to_sigma`).
        """
        t = place.double().clamp(0, self.times - 1)
        low = t.floor().long().clamp(max=self.times - 2)
        return torch.lerp(self._log_sigmas[low], self._log_sigmas[low + 1], t - low).exp()

    def even(self, steps: int) -> Tensor:
        """Even times from the last to the first, fractions kept (k-diffusion, `get_sigmas`)."""
        return self.sigma_at(torch.linspace(self.times - 1, 0, steps, dtype=torch.float64))

    def t_at(self, sigma: Tensor) -> Tensor:
        """Training time (float64) of `sigma`, of any shape; inverse of `sigma_at`, held within 0 .. T - 1."""
        logs = self._log_sigmas
        log = sigma.double().log().clamp(logs[0], logs[-1])
        high = torch.searchsorted(logs, log).clamp(min=1)
        return high - (logs[high] - log) / (logs[high] - logs[high - 1])

    def level(self, sigma: Tensor, step: int = 0, call: int = 0) -> Level:
        """The level of `sigma`, `()` or `(B, 1, 1, 1)`; alpha is 1."""
        sigma = sigma.double()
        return Level(self.t_at(sigma), torch.ones_like(sigma), sigma, step, call)

    def sigma_of(self, ratio: Tensor) -> Tensor:
        """The ratio itself, as alpha is 1."""
        return ratio.double()

    def sigma_told(self, t: Tensor) -> Tensor:
        """As `sigma_at`: place and time are the same."""
        return self.sigma_at(t)

    def training(self, place: Tensor) -> Level:
        """The level `(B, 1, 1, 1)` of whole training times (int64 `B`), taken from the table."""
        sigma = self.sigmas.to(place.device)[place].reshape(-1, 1, 1, 1)
        return Level(place.double().reshape(-1, 1, 1, 1), torch.ones_like(sigma), sigma)


class Rectified(Path):
    """The straight path of flow matching (Liu et al. 2022): (1 - sigma) clean + sigma noise, 0 < sigma <= 1.

    The network is told T * sigma. Trained levels are even in time before the shift of Esser et al. 2024
    (section 5.3.2), which moves them towards noise: shift u / (1 + (shift - 1) u).
    """

    def __init__(self, shift: float, times: int = 1000) -> None:
        """Takes the shift (1 is none; SD 3 and 3.5 use 3) and T; ValueError unless shift > 0 and T >= 2."""
        if not 0 < shift < float("inf") or times < 2:
            raise ValueError("a rectified path needs a shift above 0 and two or more times")
        self.shift = shift
        self.sigmas = self._shifted(torch.arange(1, times + 1, dtype=torch.float64) / times)

    def _shifted(self, u: Tensor) -> Tensor:
        return self.shift * u / (1 + (self.shift - 1) * u)

    def sigma_at(self, place: Tensor) -> Tensor:
        """Sigma (float64) at a place of the table, held within 0 .. T - 1; between whole places u is linear."""
        return self._shifted((place.double().clamp(0, self.times - 1) + 1) / self.times)

    def even(self, steps: int) -> Tensor:
        """As the reference: u is even from 1 to the least trained sigma, which is thereby shifted twice.

        sd3_infer.py, `get_sigmas`, and diffusers, `FlowMatchEulerDiscreteScheduler`, both do so; with a shift of
        3 the last call is at 0.0089, not at 0.0030.
        """
        return self._shifted(torch.linspace(1, float(self.sigmas[0]), steps, dtype=torch.float64))

    def level(self, sigma: Tensor, step: int = 0, call: int = 0) -> Level:
        """The level of `sigma` within 0 .. 1, `()` or `(B, 1, 1, 1)`; alpha is 1 - sigma and t is T * sigma."""
        sigma = sigma.double()
        return Level(sigma * self.times, 1 - sigma, sigma, step, call)

    def sigma_of(self, ratio: Tensor) -> Tensor:
        """Ratio / (1 + ratio), as alpha is 1 - sigma; an infinite ratio is sigma = 1."""
        return 1 / (1 + 1 / ratio.double())

    def sigma_told(self, t: Tensor) -> Tensor:
        """Sigma is t / T."""
        return t.double() / self.times

    def training(self, place: Tensor) -> Level:
        """The level `(B, 1, 1, 1)` of whole places (int64 `B`), taken from the table."""
        return self.level(self.sigmas.to(place.device)[place].reshape(-1, 1, 1, 1))
