"""The multistep and few-step samplers walk diffusers' own levels to its states, in float64."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import diffusers.schedulers.scheduling_ddpm as ddpm_module
import diffusers.schedulers.scheduling_deis_multistep as deis_module
import diffusers.schedulers.scheduling_dpmsolver_multistep as dpm_module
import diffusers.schedulers.scheduling_heun_discrete as heun_module
import diffusers.schedulers.scheduling_lcm as lcm_module
import diffusers.schedulers.scheduling_sasolver as sa_module
import diffusers.schedulers.scheduling_tcd as tcd_module
import diffusers.schedulers.scheduling_unipc_multistep as unipc_module
import pytest
import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser, predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.prediction import PREDICTIONS
from mezzotint.diffusion.samplers.registry import SAMPLERS
from parity.diffusion_reference import (
    SHAPE,
    THEIR_NAME,
    THEIR_NUMPY,
    TRAINED,
    DoubleTorch,
    fake_network,
    generator,
    plan_of,
    relative,
    start,
)

BOUND = 1e-6
pytestmark = [
    THEIR_NUMPY,
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
PREDICTED = pytest.mark.parametrize("prediction", ["noise", "velocity"])
MODULES = (
    ddpm_module, deis_module, dpm_module, heun_module, lcm_module, sa_module, tcd_module, unipc_module,
)  # fmt: skip


@pytest.fixture(autouse=True)
def double_multistep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the reference schedulers compute in float64, and draw their noise as we hand it out."""
    for module in MODULES:
        monkeypatch.setattr(module, "torch", DoubleTorch("torch"))


def denoiser(prediction: str) -> Denoiser:
    return plain(predictor(lambda x, t: fake_network(x, t)[None], PREDICTIONS[prediction]))


def ours(
    sampler: str, plan: Plan, x: Tensor, denoise: Denoiser, given: Mapping[str, float]
) -> Iterator[Tensor]:
    stream = generator(2)

    def noise(a: Level, b: Level, purpose: str) -> Tensor:
        return torch.randn(SHAPE, generator=stream, dtype=torch.float64)

    entry = SAMPLERS[sampler]
    for step in entry.sample(denoise, x, plan, noise, entry.tuned(given)):
        yield step.x


def theirs(scheduler: Any, x: Tensor, **step: Any) -> Iterator[Tensor]:
    for t in scheduler.timesteps:
        output = fake_network(scheduler.scale_model_input(x, t), t.expand(len(x)))
        x = scheduler.step(output, t, x, **step).prev_sample
        yield x


def error(a: Iterator[Tensor], b: list[Tensor]) -> float:
    return max(relative(one, other) for one, other in zip(a, b, strict=True))


def nudged(plan: Plan) -> Plan:
    levels = list(plan.levels)
    levels[2] = replace(levels[2], sigma=levels[2].sigma * 1.001)
    return replace(plan, levels=tuple(levels))


FAMILIES: dict[str, tuple[Any, dict[str, Any], str, dict[str, float]]] = {
    "unipc 1": (unipc_module.UniPCMultistepScheduler, {"solver_order": 1}, "unipc", {"order": 1}),
    "unipc 2": (unipc_module.UniPCMultistepScheduler, {"solver_order": 2}, "unipc", {"order": 2}),
    "unipc 3": (unipc_module.UniPCMultistepScheduler, {"solver_order": 3}, "unipc", {"order": 3}),
    "deis 2": (deis_module.DEISMultistepScheduler, {"solver_order": 2}, "deis", {"order": 2}),
    "deis 3": (deis_module.DEISMultistepScheduler, {"solver_order": 3}, "deis", {"order": 3}),
    "sa 1": (sa_module.SASolverScheduler, {"predictor_order": 1, "corrector_order": 1}, "sa_solver", {"order": 1}),
    "sa 2": (sa_module.SASolverScheduler, {"predictor_order": 2, "corrector_order": 2}, "sa_solver", {"order": 2}),
    "sa 3": (sa_module.SASolverScheduler, {"predictor_order": 3, "corrector_order": 3}, "sa_solver", {"order": 3}),
    "3m": (dpm_module.DPMSolverMultistepScheduler,
           {"solver_order": 3, "solver_type": "heun", "algorithm_type": "dpmsolver++", "lower_order_final": False,
            "euler_at_final": True},
           "dpmpp_3m_sde", {"eta": 0.0}),
    "2m sde": (dpm_module.DPMSolverMultistepScheduler,
               {"solver_order": 2, "algorithm_type": "sde-dpmsolver++", "solver_type": "midpoint"}, "dpmpp_2m_sde", {}),
}  # fmt: skip


@PREDICTED
@pytest.mark.parametrize("steps", [6, 20])
@pytest.mark.parametrize("name", FAMILIES)
def test_walks(name: str, steps: int, prediction: str) -> None:
    kind, settings, sampler, given = FAMILIES[name]
    scheduler = kind(**TRAINED, prediction_type=THEIR_NAME[prediction], **settings)
    scheduler.set_timesteps(steps)
    scheduler.sigmas = scheduler.sigmas.double()
    sigmas = scheduler.sigmas
    extra = {"generator": generator(2)} if sampler in ("sa_solver", "dpmpp_2m_sde") else {}
    # DEIS there lowers its order before the last step, and takes the log of sigma = 0 in plans of 15 steps or more.
    count = steps - 2 if sampler == "deis" else steps
    reference = islice(theirs(scheduler, start(), **extra), count)
    states = [x * (1 + s**2).sqrt() for x, s in zip(reference, sigmas[1:], strict=False)]
    x = start() * (1 + sigmas[0] ** 2).sqrt()
    plan = plan_of(sigmas, scheduler.timesteps)
    for along, alike in ((plan, True), (nudged(plan), False)):
        found = islice(ours(sampler, along, x, denoiser(prediction), given), count)
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
    states = framed(theirs(scheduler, start(), generator=generator(2)), sigmas)
    assert error(ours("ddpm", plan, x, denoiser(prediction), {}), states) <= BOUND
    assert error(ours("ddim", plan, x, denoiser(prediction), {"eta": 0.99}), states) > BOUND


@PREDICTED
@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_tcd(eta: float, prediction: str) -> None:
    """All but the last state: theirs stops at time 0, whose sigma is 0.029, ours at 0."""
    scheduler = tcd_module.TCDScheduler(**TRAINED, clip_sample=False, prediction_type=THEIR_NAME[prediction])
    scheduler.set_timesteps(6)
    plan, sigmas, x = few_steps(scheduler)
    states = framed(theirs(scheduler, start(), eta=eta, generator=generator(2)), sigmas)[:-1]
    for given, alike in ((eta, True), (abs(eta - 0.05), False)):
        found = islice(ours("tcd", plan, x, denoiser(prediction), {"eta": given}), len(states))
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

    states = framed(theirs(scheduler, start(), generator=generator(2)), sigmas)
    assert error(ours("lcm", plan, x, bounded, {}), states) <= BOUND
    assert error(ours("lcm", nudged(plan), x, bounded, {}), states) > BOUND
