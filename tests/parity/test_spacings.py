"""Our spacings give the times and sigmas of the reference's `set_timesteps`, in float64."""

from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler
from torch import Tensor

from mezzotint.diffusion.plan import make_plan
from parity.diffusion_reference import PATH, THEIR_NUMPY, TRAINED, double, relative

BOUND = 1e-6
pytestmark = [pytest.mark.usefixtures(double.__name__), THEIR_NUMPY]
REFERENCED = ("leading", "trailing", "linspace", "karras")
COUNTS = pytest.mark.parametrize("steps", [2, 3, 7, 10, 20, 25, 30, 50, 100, 333, 999])


def euler(spacing: str) -> EulerDiscreteScheduler:
    """Euler is the reference for all four: it keeps fractions of times, and its Karras spacing keeps them too."""
    if spacing == "karras":
        return EulerDiscreteScheduler(**TRAINED, use_karras_sigmas=True)
    return EulerDiscreteScheduler(**TRAINED, timestep_spacing=spacing, steps_offset=1)


def ours(spacing: str, steps: int) -> tuple[Tensor, Tensor]:
    """The N times and N + 1 sigmas of our plan."""
    levels = make_plan(PATH, spacing, steps).levels
    return torch.stack([a.t for a in levels[:-1]]), torch.stack([a.sigma for a in levels])


def theirs(scheduler: Any, steps: int) -> tuple[Tensor, Tensor]:
    scheduler.set_timesteps(steps)
    return scheduler.timesteps.double(), scheduler.sigmas.double()


@COUNTS
@pytest.mark.parametrize("spacing", ["leading", "trailing", "karras"])
def test_times_and_sigmas(spacing: str, steps: int) -> None:
    for a, b in zip(ours(spacing, steps), theirs(euler(spacing), steps), strict=True):
        assert relative(a, b) <= BOUND


@COUNTS
def test_linspace_times_agree_and_sigmas_differ_only_between_whole_times(steps: int) -> None:
    """Between whole times the reference draws straight lines between sigmas; we, as k-diffusion, between logs."""
    (our_times, our_sigmas), (their_times, their_sigmas) = (
        ours("linspace", steps),
        theirs(euler("linspace"), steps),
    )
    assert relative(our_times, their_times) <= BOUND
    whole = (their_times % 1 < 1e-9).nonzero().flatten()
    assert len(whole) >= 2
    assert relative(our_sigmas[whole], their_sigmas[whole]) <= BOUND
    assert relative(our_sigmas, their_sigmas) <= 1e-5


@pytest.mark.parametrize("spacing", REFERENCED)
@pytest.mark.parametrize("other", REFERENCED)
def test_no_spacing_passes_for_another(spacing: str, other: str) -> None:
    if other != spacing:
        assert relative(ours(spacing, 20)[1], theirs(euler(other), 20)[1]) > 1e-3
        assert relative(ours(spacing, 20)[0], theirs(euler(other), 20)[0]) > 1e-3


def test_controls_of_the_constants() -> None:
    """An offset of 0 or a Karras exponent other than 7 would not pass."""
    without = EulerDiscreteScheduler(**TRAINED, timestep_spacing="leading", steps_offset=0)
    assert relative(ours("leading", 20)[0], theirs(without, 20)[0]) > 100 * BOUND
    ends = PATH.sigmas[[0, -1]] ** (1 / 7.1)
    other = torch.lerp(ends[1], ends[0], torch.linspace(0, 1, 20, dtype=torch.float64)) ** 7.1
    assert relative(other, theirs(euler("karras"), 20)[1][:-1]) > 100 * BOUND


@COUNTS
@pytest.mark.parametrize("spacing", ["leading", "trailing"])
@pytest.mark.parametrize("kind", [DDIMScheduler, PNDMScheduler])
def test_times_of_the_schedulers_without_sigmas(kind: Any, spacing: str, steps: int) -> None:
    extra = {"skip_prk_steps": True} if kind is PNDMScheduler else {}
    scheduler = kind(**TRAINED, timestep_spacing=spacing, steps_offset=1, **extra)
    scheduler.set_timesteps(steps)
    times = scheduler.timesteps
    times = torch.cat([times[:1], times[2:]]) if kind is PNDMScheduler else times
    assert relative(ours(spacing, steps)[0], times) <= BOUND


@COUNTS
def test_karras_sigmas_of_dpm_solver(steps: int) -> None:
    """Its times are rounded, as ours are not; its sigmas are ours."""
    times, sigmas = theirs(DPMSolverMultistepScheduler(**TRAINED, use_karras_sigmas=True), steps)
    our_times, our_sigmas = ours("karras", steps)
    assert relative(our_sigmas, sigmas) <= BOUND
    assert float((our_times - times).abs().max()) <= 0.5 + 1e-6
