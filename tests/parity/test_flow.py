"""The rectified path and the samplers on it against diffusers' flow schedulers, in float64."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import diffusers.schedulers.scheduling_dpmsolver_multistep as dpm_module
import diffusers.schedulers.scheduling_flow_match_euler_discrete as flow_module
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from torch import Tensor

from mezzotint.diffusion.denoise import predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.path import Level, Rectified, noised
from mezzotint.diffusion.plan import Plan, make_plan
from mezzotint.diffusion.prediction import FLOW
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.samplers.step import Tuning
from parity.diffusion_reference import THEIR_NUMPY, DoubleTorch, fake_network, relative, start

BOUND = 1e-10
pytestmark = THEIR_NUMPY
STEPS = pytest.mark.parametrize("steps", [1, 2, 10, 28, 50])
SHIFTS = pytest.mark.parametrize("shift", [1.0, 3.0])


@pytest.fixture(autouse=True)
def double_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets both reference schedulers compute in float64."""
    for module in (flow_module, dpm_module):
        monkeypatch.setattr(module, "torch", DoubleTorch("torch"))


def euler(steps: int, shift: float) -> FlowMatchEulerDiscreteScheduler:
    theirs = FlowMatchEulerDiscreteScheduler(shift=shift)
    if steps:
        theirs.set_timesteps(steps)
    return theirs


def sigmas(plan: Plan) -> Tensor:
    return torch.stack([level.sigma for level in plan.levels])


def times(plan: Plan) -> Tensor:
    return torch.stack([level.t for level in plan.levels[:-1]])


@SHIFTS
def test_trained_table(shift: float) -> None:
    """Theirs is made of float32 numbers, so it agrees to their last digit."""
    theirs = euler(0, shift).sigmas.flip(0)
    assert relative(Rectified(shift).sigmas, theirs) <= 1e-7
    assert relative(Rectified(shift * 1.01).sigmas, theirs) > 1e-3


@SHIFTS
@STEPS
def test_table_of_a_plan(steps: int, shift: float) -> None:
    theirs, ours = euler(steps, shift), make_plan(Rectified(shift), "linspace", steps)
    assert relative(sigmas(ours), theirs.sigmas) <= 1e-9
    assert relative(times(ours), theirs.timesteps) <= 1e-9
    if steps > 2:
        other = make_plan(Rectified(shift * 1.01), "linspace", steps)
        assert relative(sigmas(other), theirs.sigmas) > 1e-4
        assert relative(sigmas(make_plan(Rectified(shift), "trailing", steps)), theirs.sigmas) > 1e-3


def theirs_along(scheduler: Any, x: Tensor) -> Iterator[Tensor]:
    for t in scheduler.timesteps:
        x = scheduler.step(fake_network(x, t.expand(len(x))), t, x).prev_sample
        yield x


def ours_along(sampler: str, plan: Plan, x: Tensor) -> Iterator[Tensor]:
    denoise = plain(predictor(lambda x, t: fake_network(x, t)[None], FLOW))

    def noise(a: Level, b: Level, purpose: str) -> Tensor:
        raise AssertionError("noise was drawn")

    for step in SAMPLERS[sampler].sample(denoise, x, plan, noise, Tuning()):
        yield step.x


def error(ours: Iterator[Tensor], theirs: list[Tensor]) -> float:
    return max(relative(a, b) for a, b in zip(ours, theirs, strict=True))


@SHIFTS
@STEPS
@pytest.mark.parametrize("sampler", ["euler", "ddim"])
def test_euler(sampler: str, steps: int, shift: float) -> None:
    theirs = list(theirs_along(euler(steps, shift), start()))
    plan = make_plan(Rectified(shift), "linspace", steps)
    assert error(ours_along(sampler, plan, start()), theirs) <= 1e-8
    if steps > 1:
        levels = list(plan.levels)
        levels[1] = Rectified(shift).level(levels[1].sigma * 0.99, 1)
        assert error(ours_along(sampler, replace(plan, levels=tuple(levels)), start()), theirs) > 1e-6
        if steps > 2:
            assert error(ours_along("dpmpp_2m", plan, start()), theirs) > 1e-3


def dpm(steps: int, shift: float) -> tuple[DPMSolverMultistepScheduler, Plan]:
    """Their solver with a table of its own: u falls evenly from 1 - 1/1000, so it never sees alpha = 0."""
    theirs = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift, solver_order=2,
        lower_order_final=True, final_sigmas_type="zero",
    )  # fmt: skip
    theirs.set_timesteps(steps)
    theirs.sigmas = theirs.sigmas.double()
    path = Rectified(shift)
    levels = [path.level(sigma, i) for i, sigma in enumerate(theirs.sigmas)]
    levels[:-1] = [replace(a, t=t.double()) for a, t in zip(levels, theirs.timesteps, strict=False)]
    return theirs, Plan(path, tuple(levels))


@SHIFTS
@pytest.mark.parametrize("steps", [1, 2, 10, 20, 50])
def test_dpmpp_2m(steps: int, shift: float) -> None:
    scheduler, plan = dpm(steps, shift)
    theirs = list(theirs_along(scheduler, start()))
    assert error(ours_along("dpmpp_2m", plan, start()), theirs) <= BOUND
    if steps > 2:
        assert error(ours_along("euler", plan, start()), theirs) > 1e-3


@SHIFTS
def test_noised_latents(shift: float) -> None:
    scheduler = euler(0, shift)
    places = torch.tensor([0, 300, 999])
    clean, noise = start(1)[:1].expand(3, -1, -1, -1), start(2)[:1].expand(3, -1, -1, -1)
    theirs = scheduler.scale_noise(clean, scheduler.timesteps.flip(0)[places], noise)
    ours = noised(clean, noise, Rectified(shift).training(places))
    assert relative(ours, theirs) <= 1e-6
    assert relative(noised(clean, noise, Rectified(shift).training(places - 1)), theirs) > 1e-4
