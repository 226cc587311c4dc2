"""What a network was taught to predict: input scale, reading of the output and back, training target.

Takes latents and a level, gives latents of the same dtype. Sampling and training share these functions,
so they cannot drift apart. Does not know networks; outputs may carry leading axes (`K B C H W`) that x lacks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from mezzotint.diffusion.path import Level


@dataclass(frozen=True)
class Prediction:
    """Four functions of latents: noise and velocity in the frame alpha = 1, flow where alpha = 1 - sigma.

    `scale_in(x, level)` is the network input, of the variance it had in training; `clean(output, x, level)` the
    clean latent that an output implies, affine in the output (the loss weight uses it); `output(clean, x, level)`
    the output that implies a clean latent (guides that weigh outputs use it), for sigma > 0; `target(clean, noise,
    level)` the output that the network should have given.
    """

    name: str
    scale_in: Callable[[Tensor, Level], Tensor]
    clean: Callable[[Tensor, Tensor, Level], Tensor]
    output: Callable[[Tensor, Tensor, Level], Tensor]
    target: Callable[[Tensor, Tensor, Level], Tensor]


def _parts(level: Level, like: Tensor) -> tuple[Tensor, Tensor]:
    """The weights sqrt(abar) and sqrt(1 - abar) of clean and noise in the network input, made in float64."""
    norm = (1 + level.sigma**2).sqrt()
    return (1 / norm).to(like), (level.sigma / norm).to(like)


def _scale_in(x: Tensor, level: Level) -> Tensor:
    return x * _parts(level, x)[0]


def _clean_from_slope(output: Tensor, x: Tensor, level: Level) -> Tensor:
    return x - level.sigma.to(x) * output


def _slope(clean: Tensor, x: Tensor, level: Level) -> Tensor:
    return (x - clean) / level.sigma.to(x)


def _clean_from_velocity(output: Tensor, x: Tensor, level: Level) -> Tensor:
    a, s = _parts(level, x)
    return a * a * x - s * output


def _velocity(clean: Tensor, x: Tensor, level: Level) -> Tensor:
    a, s = _parts(level, x)
    return (a * a * x - clean) / s


def _noise_target(clean: Tensor, noise: Tensor, level: Level) -> Tensor:
    return noise


def _velocity_target(clean: Tensor, noise: Tensor, level: Level) -> Tensor:
    a, s = _parts(level, clean)
    return a * noise - s * clean


def _as_it_is(x: Tensor, level: Level) -> Tensor:
    return x


def _flow_target(clean: Tensor, noise: Tensor, level: Level) -> Tensor:
    return noise - clean


NOISE = Prediction("noise", _scale_in, _clean_from_slope, _slope, _noise_target)
"""epsilon of Ho et al. 2020: the noise itself."""

VELOCITY = Prediction("velocity", _scale_in, _clean_from_velocity, _velocity, _velocity_target)
"""v of Salimans & Ho 2022: sqrt(abar) * noise - sqrt(1 - abar) * clean."""

FLOW = Prediction("flow", _as_it_is, _clean_from_slope, _slope, _flow_target)
"""The slope dx / dsigma of the rectified path, noise - clean (Esser et al. 2024, section 2); x - sigma v is clean."""

PREDICTIONS: Mapping[str, Prediction] = MappingProxyType({p.name: p for p in (NOISE, VELOCITY)})
"""Those of a diffused path, which a file's names cannot tell apart; what walks a rectified path predicts FLOW."""
