"""The samplers on the rectified path walk the levels of diffusers' flow schedulers to their states, in float64."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from types import MappingProxyType
from typing import Any

import diffusers.schedulers.scheduling_deis_multistep as deis_module
import diffusers.schedulers.scheduling_dpmsolver_multistep as dpm_module
import diffusers.schedulers.scheduling_flow_match_heun_discrete as heun_module
import diffusers.schedulers.scheduling_flow_match_lcm as lcm_module
import pytest
import torch
from torch import Tensor

from mezzotint.diffusion.denoise import predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.path import Level, Path, Rectified
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.prediction import FLOW
from mezzotint.diffusion.samplers.registry import SAMPLERS
from parity.diffusion_reference import PATH, fake_network, generator, start
from parity.multistep_reference import (
    BOUND,
    MARKS,
    MODULES,
    SOLVERS,
    Solver,
    doubled,
    drawn_by,
    error,
    walked,
)

pytestmark = MARKS
SHIFTS = pytest.mark.parametrize("shift", [1.0, 3.0])


@pytest.fixture(autouse=True)
def double_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    doubled(monkeypatch, (*MODULES, heun_module, lcm_module))


def plan_of(sigmas: Tensor, times: Tensor, shift: float) -> Plan:
    """Our plan on their N + 1 levels; what the network is told is theirs, which is a whole number in some."""
    path = Rectified(shift)
    levels = [path.level(sigma, i) for i, sigma in enumerate(sigmas)]
    levels[:-1] = [replace(a, t=t.double()) for a, t in zip(levels, times, strict=False)]
    return Plan(path, tuple(levels))


def nudged(plan: Plan) -> Plan:
    levels = list(plan.levels)
    levels[1] = replace(plan.path.level(levels[1].sigma * 0.99, 1), t=levels[1].t)
    return replace(plan, levels=tuple(levels))


def ours(sampler: str, plan: Plan, given: Mapping[str, float]) -> Iterator[Tensor]:
    denoise = plain(predictor(lambda x, t: fake_network(x, t)[None], FLOW))
    return walked(sampler, plan, start(), denoise, given)


def theirs(scheduler: Any, **step: Any) -> Iterator[Tensor]:
    x = start()
    for t in scheduler.timesteps:
        x = scheduler.step(fake_network(x, t.expand(len(x))), t, x, **step).prev_sample
        yield x


FLOWS: Mapping[str, Solver] = MappingProxyType({
    **SOLVERS,
    "2m": (dpm_module.DPMSolverMultistepScheduler,
           {"solver_order": 2, "algorithm_type": "dpmsolver++", "solver_type": "midpoint"}, "dpmpp_2m", {}),
    "deis 1": (deis_module.DEISMultistepScheduler, {"solver_order": 1}, "deis", {"order": 1}),
})  # fmt: skip


@SHIFTS
@pytest.mark.parametrize("steps", [6, 20])
@pytest.mark.parametrize("name", FLOWS)
def test_walks(name: str, steps: int, shift: float) -> None:
    kind, settings, sampler, given = FLOWS[name]
    scheduler = kind(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift, **settings)
    scheduler.set_timesteps(steps)
    scheduler.sigmas = scheduler.sigmas.double()
    # Two of theirs end where the last level but one is; DEIS lowers its order before that in plans below 15 steps.
    count = steps - {"deis": 2, "sa_solver": 1}.get(sampler, 0)
    states = list(islice(theirs(scheduler, **drawn_by(sampler)), count))
    plan = plan_of(scheduler.sigmas, scheduler.timesteps, shift)
    assert error(islice(ours(sampler, plan, given), count), states) <= BOUND
    assert error(islice(ours(sampler, nudged(plan), given), count), states) > BOUND


@SHIFTS
@pytest.mark.parametrize("steps", [2, 6, 20])
def test_heun(steps: int, shift: float) -> None:
    scheduler: Any = heun_module.FlowMatchHeunDiscreteScheduler(shift=shift)
    scheduler.set_timesteps(steps)
    scheduler.sigmas, scheduler.timesteps = scheduler.sigmas.double(), scheduler.timesteps.double()
    ends = torch.cat([scheduler.sigmas[:1], scheduler.sigmas[1::2]])
    times = torch.cat([scheduler.timesteps[:1], scheduler.timesteps[1::2]])
    calls = list(theirs(scheduler))
    states = [*calls[1::2], calls[-1]]
    plan = plan_of(ends, times, shift)
    assert error(ours("heun", plan, {}), states) <= BOUND
    assert error(ours("heun", nudged(plan), {}), states) > BOUND


@SHIFTS
def test_lcm(shift: float) -> None:
    scheduler: Any = lcm_module.FlowMatchLCMScheduler(shift=shift)
    scheduler.set_timesteps(4)
    scheduler.sigmas, scheduler.timesteps = scheduler.sigmas.double(), scheduler.timesteps.double()
    states = list(theirs(scheduler, generator=generator(2)))
    plan = plan_of(scheduler.sigmas, scheduler.timesteps, shift)
    assert error(ours("lcm", plan, {}), states) <= BOUND
    assert error(ours("lcm", nudged(plan), {}), states) > BOUND


FREE = {
    "ddim", "ddpm", "euler", "euler_a", "dpmpp_2s_a", "dpmpp_2m", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde", "deis",
    "unipc", "dpm_fast", "er_sde", "lcm", "euler_cfg_pp", "euler_a_cfg_pp", "dpmpp_2m_cfg_pp",
}  # fmt: skip
"""Samplers for which x divided by alpha is all that counts, and noise per signal."""
SLOPED = {"euler", "ddim", "heun", "dpm2", "plms", "lms", "ipndm"}
"""Samplers for which slopes in sigma are all that counts."""
SIGMAS = torch.linspace(0.99, 0, 9).double() ** 1.2


def plan_on(path: Path, sigmas: Tensor) -> Plan:
    return Plan(path, tuple(path.level(sigma, i) for i, sigma in enumerate(sigmas)))


def answer(sampler: str, x: Tensor, level: Level) -> Tensor:
    clean = fake_network(x / (level.alpha**2 + level.sigma**2).sqrt(), level.t.reshape(-1).expand(len(x)))
    return torch.stack([clean, clean.flip(1)]) if SAMPLERS[sampler].pair else clean


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_divided_by_alpha_it_is_a_walk_of_the_other_path(sampler: str) -> None:
    """So what is compared with a reference on that path holds on this one, too."""
    path = Rectified(3.0)
    plan, x = plan_on(path, SIGMAS), start()
    other = plan_on(PATH, SIGMAS / (1 - SIGMAS))

    def divided(x: Tensor, level: Level) -> Tensor:
        own = path.level(path.sigma_of(level.sigma))
        return answer(sampler, own.alpha * x, own)

    found = walked(sampler, plan, x, lambda x, level: answer(sampler, x, level), {})
    states = walked(sampler, other, x / plan.levels[0].alpha, divided, {})
    worst = error((a / level.alpha for a, level in zip(found, plan.levels[1:], strict=True)), states)
    assert (worst <= BOUND) == (sampler in FREE)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_with_slopes_it_is_a_walk_of_the_other_path_at_the_same_sigmas(sampler: str) -> None:
    path = Rectified(3.0)

    def own(x: Tensor, level: Level) -> Tensor:
        return answer(sampler, x, path.level(level.sigma))

    found, states = (walked(sampler, plan_on(one, SIGMAS), start(), own, {}) for one in (path, PATH))
    assert (error(found, states) <= BOUND) == (sampler in SLOPED)
