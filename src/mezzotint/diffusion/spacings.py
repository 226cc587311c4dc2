"""The published ways to spread the levels of a plan.

A spacing takes a path, a step count N and rho, and gives N sigmas in float64, falling, within what the model was
trained at; the final 0 is the plan's. Those that read rho say so in their entry. Does not know samplers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.diffusion.path import Diffused, Path, scaled_linear
from mezzotint.diffusion.quantiles import symmetric_beta

Spacing = Callable[[Path, int, float], Tensor]
"""`(path, steps N, rho) -> N falling sigmas` in float64."""


@dataclass(frozen=True)
class SpacingEntry:
    """A spacing and the rho it has when none is asked for; a rho of 0 says that it reads none."""

    place: Spacing
    rho: float = 0.0


def leading(path: Path, steps: int, rho: float) -> Tensor:
    """Every (T // N)-th time from 1 up: DDIM (Song et al. 2021) with Stable Diffusion's `steps_offset` of 1.

    The offset gives way when all T times are used.
    """
    times = torch.arange(steps).flip(0) * (path.times // steps)
    return path.sigma_at(times + (1 if steps < path.times else 0))


def trailing(path: Path, steps: int, rho: float) -> Tensor:
    """Every (T / N)-th time from the last down, rounded (Lin et al. 2023, table 2)."""
    return path.sigma_at((path.times - torch.arange(steps) * (path.times / steps)).round() - 1)


def simple(path: Path, steps: int, rho: float) -> Tensor:
    """Every (T / N)-th time from the last down, the stride cut to a whole number (ComfyUI, `simple`)."""
    return path.sigma_at(path.times - 1 - (torch.arange(steps) * (path.times / steps)).floor())


def linspace(path: Path, steps: int, rho: float) -> Tensor:
    """N even times from the last to the first, as the reference of the path has them (`Path.even`)."""
    return path.even(steps)


def sgm_uniform(path: Path, steps: int, rho: float) -> Tensor:
    """`linspace` with one step more, whose last is left out (ComfyUI, `sgm_uniform`)."""
    return path.even(steps + 1)[:-1]


def turbo(path: Path, steps: int, rho: float) -> Tensor:
    """Every tenth of all times from the last down, however few are asked for; finer for more than ten.

    SDXL Turbo was distilled at four of those ten times (ComfyUI, `SDTurboScheduler`).
    """
    stride = max(1, path.times // max(10, steps))
    return path.sigma_at(path.times - 1 - torch.arange(steps) * stride)


def karras(path: Path, steps: int, rho: float) -> Tensor:
    """From the largest trained sigma to the smallest, even in sigma^(1/rho) (Karras et al. 2022, eq. 5)."""
    ends = path.sigmas ** (1 / rho)
    return torch.lerp(ends[-1], ends[0], _even(steps)) ** rho


def exponential(path: Path, steps: int, rho: float) -> Tensor:
    """From the largest trained sigma to the smallest, even in log sigma (k-diffusion, `get_sigmas_exponential`)."""
    return polyexponential(path, steps, 1.0)


def polyexponential(path: Path, steps: int, rho: float) -> Tensor:
    """Even in (log sigma)^(1/rho), between 0 and 1 (k-diffusion, `get_sigmas_polyexponential`).

    `exponential` for a rho of 1; a larger one takes more steps at small sigmas.
    """
    logs = path.sigmas.log()
    return torch.lerp(logs[0], logs[-1], (1 - _even(steps)) ** rho).exp()


def kl_optimal(path: Path, steps: int, rho: float) -> Tensor:
    """Even in arctan sigma: the best for normal data (Sabour et al. 2024, theorem 3.1)."""
    ends = path.sigmas.arctan()
    return torch.lerp(ends[-1], ends[0], _even(steps)).tan()


def beta(path: Path, steps: int, rho: float) -> Tensor:
    """Times at even quantiles of the beta distribution of 0.6 and 0.6: dense at both ends (Lee et al. 2024).

    Fractions of times are kept; ComfyUI's `beta` rounds them and leaves out those that fall together.
    """
    even = 1 - torch.arange(steps, dtype=torch.float64) / steps
    return path.sigma_at(symmetric_beta(even, 0.6) * (path.times - 1))


def linear_quadratic(path: Path, steps: int, rho: float) -> Tensor:
    """The first half of the steps covers 2.5 % of sigma evenly, the others quadratically more (Mochi 1).

    Value and slope join at the middle.
    """
    half = max(1, steps // 2)
    rest = steps - half
    i = torch.arange(steps, dtype=torch.float64)
    straight = i * (0.025 / half)
    later = (i - half).clamp(min=0)
    bend = (1 - 0.025 * steps / half) / max(1, rest) ** 2
    return path.sigmas[-1] * (1 - straight - bend * later**2)


def _even(steps: int) -> Tensor:
    """`steps` numbers from 0 to 1; 0 for one step."""
    return torch.linspace(0, 1, steps, dtype=torch.float64)


_STABLE = Diffused(scaled_linear(0.00085, 0.012, 1000))
"""The path that the tables of "align your steps" were made for."""
_AYS_SD1 = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
_AYS_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)
_AYS_SVD = (700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002)


def _log_linear(table: tuple[float, ...], steps: int) -> Tensor:
    """The logs of `table` read at `steps` + 1 even places, without the last, where the plan has 0."""
    logs = torch.tensor(table, dtype=torch.float64).log()
    place = torch.arange(steps, dtype=torch.float64) * ((len(table) - 1) / steps)
    low = place.floor().long()
    return torch.lerp(logs[low], logs[low + 1], place - low)


def _aligned(table: tuple[float, ...]) -> Spacing:
    def place(path: Path, steps: int, rho: float) -> Tensor:
        share = _STABLE.t_at(_log_linear(table, steps).exp()) / (_STABLE.times - 1)
        return path.sigma_at(share * (path.times - 1))

    return place


def align_your_steps_svd(path: Path, steps: int, rho: float) -> Tensor:
    """The table of Stable Video Diffusion, stretched in log sigma from its own range to the path's."""
    logs, ends = _log_linear(_AYS_SVD, steps), torch.tensor(_AYS_SVD, dtype=torch.float64).log()
    share = (logs - ends[0]) / (ends[-1] - ends[0])
    own = path.sigmas.log()
    return torch.lerp(own[-1], own[0], share).exp()


SPACINGS: Mapping[str, SpacingEntry] = MappingProxyType(
    {
        "leading": SpacingEntry(leading),
        "trailing": SpacingEntry(trailing),
        "linspace": SpacingEntry(linspace),
        "karras": SpacingEntry(karras, rho=7.0),
        "exponential": SpacingEntry(exponential),
        "polyexponential": SpacingEntry(polyexponential, rho=1.0),
        "sgm_uniform": SpacingEntry(sgm_uniform),
        "simple": SpacingEntry(simple),
        "beta": SpacingEntry(beta),
        "kl_optimal": SpacingEntry(kl_optimal),
        "linear_quadratic": SpacingEntry(linear_quadratic),
        "turbo": SpacingEntry(turbo),
        "align_your_steps": SpacingEntry(_aligned(_AYS_SD1)),
        "align_your_steps_xl": SpacingEntry(_aligned(_AYS_SDXL)),
        "align_your_steps_svd": SpacingEntry(align_your_steps_svd),
    }
)
"""The tables of Sabour et al. 2024 are read as published: log-linearly, N + 1 levels of which the last gives way to
0. What they name are levels of Stable Diffusion's own table; other paths take the same shares of their times."""
