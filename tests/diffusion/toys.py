"""What the diffusion tests share: the path of Stable Diffusion and denoisers whose answers are known."""

from collections.abc import Callable

import torch
from hypothesis import settings
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.path import Diffused, Level, scaled_linear
from mezzotint.diffusion.plan import Plan, make_plan
from mezzotint.diffusion.samplers.registry import SAMPLERS

PATH = Diffused(scaled_linear(0.00085, 0.012, 1000))
OWN_WAY = ("dpm_adaptive", "restart")
"""Samplers that do not keep to the levels of the plan."""
DETERMINISTIC = tuple(
    name for name, entry in SAMPLERS.items() if not entry.tuning.eta and name not in OWN_WAY
)
ALONE = (
    "euler_cfg_pp",
    "euler_a_cfg_pp",
    "ddim",
    "ddpm",
    "euler",
    "euler_a",
    "heun",
    "dpm2",
    "dpm2_a",
    "dpmpp_2s_a",
    "dpmpp_sde",
    "lcm",
    "tcd",
)
"""Samplers whose step is a function of x alone; the others remember earlier steps."""
LOOKING_AHEAD = ("unipc", "dpm_fast", "sa_solver", "dpm_adaptive")
"""Samplers whose steps depend on how many are still to come."""
NEARLY = ("plms", "lms", "ipndm")
"""Samplers whose last x is not the clean latent of the last call, because slopes of earlier ones weigh in."""
SHAPE = (3, 4, 5, 6)
STEADY = settings(max_examples=40, deadline=None, derandomize=True)
"""Examples that are the same on every run, however slow the machine."""


def normal(shape: tuple[int, ...] = SHAPE, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def dirac(target: Tensor) -> Denoiser:
    """The denoiser of data that is always `target`."""
    return lambda x, level: target


def gaussian(mean: float, deviation: float) -> Denoiser:
    """The denoiser of independent normal data: the posterior mean given x."""

    def denoise(x: Tensor, level: Level) -> Tensor:
        kept = (deviation**2 / (deviation**2 + level.sigma**2)).to(x)
        return mean + kept * (x - mean)

    return denoise


def gaussian_at(x: Tensor, mean: float, deviation: float, start: Tensor, end: Tensor) -> Tensor:
    """Where the sampling equation of `gaussian` takes x from sigma `start` to `end`, exactly."""
    return mean + (x - mean) * ((deviation**2 + end**2) / (deviation**2 + start**2)).sqrt()


def bent(x: Tensor, level: Level) -> Tensor:
    """A denoiser that is linear in nothing; elementwise, so a batch is as its parts."""
    time = (level.t / 1000).to(x)
    return torch.tanh(x * (1 - 0.5 * time)) + 0.2 * torch.sin(3 * time)


def suited(sampler: str, denoise: Denoiser) -> Denoiser:
    """`denoise` as the sampler wants it: twice, for those that take the noise from another answer."""
    if not SAMPLERS[sampler].pair:
        return denoise
    return lambda x, level: torch.stack([denoise(x, level)] * 2)


def no_noise(a: Level, b: Level, purpose: str) -> Tensor:
    """For samplers that must not draw."""
    raise AssertionError("noise was drawn")


def counted(denoise: Denoiser) -> tuple[Denoiser, list[Level]]:
    """The denoiser, and the levels that it was called at."""
    calls: list[Level] = []

    def counting(x: Tensor, level: Level) -> Tensor:
        calls.append(level)
        return denoise(x, level)

    return counting, calls


def fixed_noise(seed: int = 9) -> Callable[[Level, Level, str], Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return lambda a, b, purpose: torch.randn(SHAPE, generator=stream)


def side_by_side(plans: list[Plan]) -> Plan:
    """Plans of equal length as one whose levels are `(B, 1, 1, 1)`."""

    def joined(levels: tuple[Level, ...]) -> Level:
        t, alpha, sigma = (
            torch.stack([getattr(a, name) for a in levels]).reshape(-1, 1, 1, 1)
            for name in ("t", "alpha", "sigma")
        )
        return Level(t, alpha, sigma, levels[0].step)

    return Plan(PATH, tuple(joined(levels) for levels in zip(*(p.levels for p in plans), strict=True)))


def karras_without_last(steps: int) -> Plan:
    """`steps` steps from the largest to the smallest trained sigma; they get finer all over as `steps` grows."""
    return make_plan(PATH, "karras", steps + 1).cut(0, steps)
