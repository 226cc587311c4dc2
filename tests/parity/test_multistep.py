"""The multistep and few-step samplers walk diffusers' own levels to its states, in float64."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import diffusers.schedulers.scheduling_ddpm as ddpm_module
import diffusers.schedulers.scheduling_lcm as lcm_module
import diffusers.schedulers.scheduling_tcd as tcd_module
import pytest
import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser, predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.prediction import PREDICTIONS
from parity.diffusion_reference import (
    THEIR_NAME,
    TRAINED,
    fake_network,
    generator,
    plan_of,
    reference_states,
    start,
)
from parity.multistep_reference import BOUND, MARKS, MODULES, SOLVERS, doubled, drawn_by, error, walked

pytestmark = MARKS
PREDICTED = pytest.mark.parametrize("prediction", ["noise", "velocity"])


@pytest.fixture(autouse=True)
def double_multistep(monkeypatch: pytest.MonkeyPatch) -> None:
    doubled(monkeypatch, (*MODULES, ddpm_module, lcm_module, tcd_module))


def denoiser(prediction: str) -> Denoiser:
    return plain(predictor(lambda x, t: fake_network(x, t)[None], PREDICTIONS[prediction]))


def nudged(plan: Plan) -> Plan:
    levels = list(plan.levels)
    levels[2] = replace(levels[2], sigma=levels[2].sigma * 1.001)
    return replace(plan, levels=tuple(levels))


@PREDICTED
@pytest.mark.parametrize("steps", [6, 20])
@pytest.mark.parametrize("name", SOLVERS)
def test_walks(name: str, steps: int, prediction: str) -> None:
    kind, settings, sampler, given = SOLVERS[name]
    scheduler = kind(**TRAINED, prediction_type=THEIR_NAME[prediction], **settings)
    scheduler.set_timesteps(steps)
    scheduler.sigmas = scheduler.sigmas.double()
    sigmas = scheduler.sigmas
    # DEIS there lowers its order before the last step, and takes the log of sigma = 0 in plans of 15 steps or more.
    count = steps - 2 if sampler == "deis" else steps
    reference = islice(reference_states(scheduler, start(), fake_network, **drawn_by(sampler)), count)
    states = [x * (1 + s**2).sqrt() for x, s in zip(reference, sigmas[1:], strict=False)]
    x = start() * (1 + sigmas[0] ** 2).sqrt()
    plan = plan_of(sigmas, scheduler.timesteps)
    for along, alike in ((plan, True), (nudged(plan), False)):
        found = islice(walked(sampler, along, x, denoiser(prediction), given), count)
        assert (error(found, states) <= BOUND) == alike


def few_steps(scheduler: Any) -> tuple[Plan, Tensor, Tensor]:
    """The plan on a scheduler that thinks in abar, its sigmas, and where the walk begins."""
    abar = torch.cat(
        [scheduler.alphas_cumprod[scheduler.timesteps].double(), torch.ones(1, dtype=torch.float64)]
    )
    sigmas = ((1 - abar) / abar).sqrt()
    return plan_of(sigmas, scheduler.timesteps), sigmas, start() * (1 + sigmas[0] ** 2).sqrt()


def framed(states: Iterator[Tensor], sigmas: Tensor) -> list[Tensor]:
    return [x * (1 + s**2).sqrt() for x, s in zip(states, sigmas[1:], strict=True)]


@PREDICTED
@pytest.mark.parametrize("steps", [5, 20])
def test_ddpm(steps: int, prediction: str) -> None:
    scheduler = ddpm_module.DDPMScheduler(
        **TRAINED, clip_sample=False, prediction_type=THEIR_NAME[prediction], timestep_spacing="leading"
    )
    scheduler.set_timesteps(steps)
    plan, sigmas, x = few_steps(scheduler)
    states = framed(reference_states(scheduler, start(), fake_network, generator=generator(2)), sigmas)
    assert error(walked("ddpm", plan, x, denoiser(prediction), {}), states) <= BOUND
    assert error(walked("ddim", plan, x, denoiser(prediction), {"eta": 0.99}), states) > BOUND


@PREDICTED
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_tcd(eta: float, prediction: str) -> None:
    """All but the last state: theirs stops at time 0, whose sigma is 0.029, ours at 0."""
    scheduler = tcd_module.TCDScheduler(**TRAINED, clip_sample=False, prediction_type=THEIR_NAME[prediction])
    scheduler.set_timesteps(6)
    plan, sigmas, x = few_steps(scheduler)
    states = framed(
        reference_states(scheduler, start(), fake_network, eta=eta, generator=generator(2)), sigmas
    )[:-1]
    for given, alike in ((eta, True), (abs(eta - 0.05), False)):
        found = islice(walked("tcd", plan, x, denoiser(prediction), {"eta": given}), len(states))
        assert (error(found, states) <= BOUND) == alike


@PREDICTED
def test_lcm(prediction: str) -> None:
    """Theirs mixes in the input by the distilled model's boundary condition, which here is put round the answer."""
    scheduler = lcm_module.LCMScheduler(**TRAINED, prediction_type=THEIR_NAME[prediction])
    scheduler.set_timesteps(4, original_inference_steps=50)
    plan, sigmas, x = few_steps(scheduler)
    plain_answer = denoiser(prediction)

    def bounded(x: Tensor, level: Level) -> Tensor:
        scaled = level.t * 10
        skip, out = 0.25 / (scaled**2 + 0.25), scaled / (scaled**2 + 0.25).sqrt()
        return out * plain_answer(x, level) + skip * x / (1 + level.sigma**2).sqrt()

    states = framed(reference_states(scheduler, start(), fake_network, generator=generator(2)), sigmas)
    assert error(walked("lcm", plan, x, bounded, {}), states) <= BOUND
    assert error(walked("lcm", nudged(plan), x, bounded, {}), states) > BOUND
