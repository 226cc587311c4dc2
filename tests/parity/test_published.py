"""Samplers that no library here has, against their papers' formulas in another form than ours, in float64.

ER-SDE: the solution of the equation by variation of constants, with the polynomial of the answers in it, by Simpson's
rule (ours integrates by parts and by Gauss's). Restart: algorithm 1 with Heun's method on plain numbers. CFG++: with
noises, and in the variance-preserving frame (ours has alpha = 1, and clean latents). iPNDM: diffusers' own scheduler.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import diffusers.schedulers.scheduling_ipndm as ipndm_module
import numpy as np
import pytest
import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser, predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.path import Level, Path, Rectified
from mezzotint.diffusion.plan import Plan, make_plan
from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.diffusion.samplers.registry import SAMPLERS
from parity.diffusion_reference import PATH, SHAPE, fake_network, generator, plan_of, relative, start

BOUND = 1e-9
PLANS = {
    "diffused": make_plan(PATH, "karras", 14),
    "rectified": make_plan(Rectified(3.0), "sgm_uniform", 15).cut(1, 15),
}
"""Plans whose first level has some signal and whose last has no noise."""
EACH_PLAN = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
Draw = Callable[[], Tensor]


def denoise(x: Tensor, level: Level) -> Tensor:
    """A clean latent of unit size that follows x and the level, linear in neither."""
    spread = (level.alpha**2 + level.sigma**2).sqrt()
    return fake_network(x / spread, level.t.expand(len(x)))


def draws() -> Draw:
    stream = generator(2)
    return lambda: torch.randn(SHAPE, generator=stream, dtype=torch.float64)


def begun(plan: Plan) -> Tensor:
    return plan.path.begin(start(), plan.levels[0])


def ours(sampler: str, plan: Plan, ask: Denoiser = denoise, **given: float) -> Iterator[Tensor]:
    entry, source = SAMPLERS[sampler], draws()
    for step in entry.sample(ask, begun(plan), plan, lambda a, b, purpose: source(), entry.tuned(given)):
        yield step.x


def nudged(plan: Plan) -> Plan:
    levels = list(plan.levels)
    levels[4] = plan.path.level(levels[4].sigma * 1.001, 4)
    return replace(plan, levels=tuple(levels))


def error(found: Iterator[Tensor], states: Sequence[Tensor]) -> float:
    return max(relative(a, b) for a, b in zip(found, states, strict=True))


def scale(r: np.ndarray) -> np.ndarray:
    return r * (np.exp(r**0.3) + 10)


def moments(start: float, end: float) -> list[float]:
    """scale(end) times the integrals from `end` to `start` of scale' / scale^2 (r - start)^k / k!, k of 0 to 2."""
    log = np.linspace(np.log(end), np.log(start), 4001)
    r = np.exp(log)
    grows = np.exp(r**0.3) + 10 + 0.3 * r**0.3 * np.exp(r**0.3)
    simpson = np.ones_like(r)
    simpson[1:-1:2], simpson[2:-1:2] = 4, 2
    simpson *= (log[1] - log[0]) / 3
    density = simpson * r * grows / scale(r) ** 2 * scale(np.array(end))
    return [float((density * p).sum()) for p in (1 + 0 * r, r - start, (r - start) ** 2 / 2)]


def er_sde(plan: Plan, order: int, s_noise: float = 1.0) -> Iterator[Tensor]:
    """The paper's solver of this order; y is x / alpha, and what is given back is x."""
    r = [float(level.sigma / level.alpha) for level in plan.levels]
    y, draw = begun(plan) / plan.levels[0].alpha, draws()
    clean, first = list[Tensor](), list[Tensor]()
    for i, (here, there) in enumerate(pairwise(plan.levels)):
        clean.append(denoise(here.alpha * y, here))
        if there.sigma == 0:
            yield clean[-1]
            return
        shares, derivatives = moments(r[i], r[i + 1]), [clean[-1]]
        if i >= 1:
            first.append((clean[i] - clean[i - 1]) / (r[i] - r[i - 1]))
            derivatives.append(first[-1])
        if i >= 2:
            derivatives.append(2 * (first[-1] - first[-2]) / (r[i] - r[i - 2]))
        kept = float(scale(np.array(r[i + 1])) / scale(np.array(r[i])))
        drawn = (r[i + 1] ** 2 - (r[i] * kept) ** 2) ** 0.5
        y = kept * y + s_noise * drawn * draw()
        for share, derivative in list(zip(shares, derivatives, strict=False))[:order]:
            y = y + share * derivative
        yield there.alpha * y


@EACH_PLAN
@pytest.mark.parametrize("order", [1, 2, 3])
def test_er_sde(order: int, plan: Plan) -> None:
    states = list(er_sde(plan, order))
    assert error(ours("er_sde", plan, order=order), states) <= BOUND
    assert error(ours("er_sde", nudged(plan), order=order), states) > 100 * BOUND
    assert error(ours("er_sde", plan, order=1 + order % 3), states) > 1e-4
    assert error(ours("er_sde", plan, order=order, s_noise=0.5), list(er_sde(plan, order, 0.5))) <= BOUND


def heun(x: Tensor, levels: Sequence[Level]) -> Tensor:
    for here, there in pairwise(levels):
        d = (x - denoise(x, here)) / here.sigma
        trial = x + (there.sigma - here.sigma) * d
        if there.sigma > 0:
            d = (d + (trial - denoise(trial, there)) / there.sigma) / 2
        x = x + (there.sigma - here.sigma) * d
    return x


def restarted(plan: Plan, times: int, most: float, least: float) -> Tensor:
    """Algorithm 1: down to `least`, then `times` up to `most` with fresh noise and down again, then on."""
    ratios = [float(level.sigma / level.alpha) for level in plan.levels]
    high, low = (next(i for i, r in enumerate(ratios) if r <= bound) for bound in (most, least))
    low = min(low, len(plan) - 1)
    x, draw = heun(begun(plan), plan.levels[: low + 1]), draws()
    for _ in range(times):
        clean_part, top = x / plan.levels[low].alpha, plan.levels[high]
        x = top.alpha * (clean_part + (ratios[high] ** 2 - ratios[low] ** 2) ** 0.5 * draw())
        x = heun(x, plan.levels[high : low + 1])
    return heun(x, plan.levels[low:])


@EACH_PLAN
@pytest.mark.parametrize(("times", "most", "least"), [(1, 2.0, 0.1), (3, 1.5, 0.4)])
def test_restart(times: int, most: float, least: float, plan: Plan) -> None:
    given = {"restarts": times, "restart_from": most, "restart_to": least}
    *_, last = ours("restart", plan, **given)
    assert relative(last, restarted(plan, times, most, least)) <= BOUND
    assert relative(last, restarted(plan, times + 1, most, least)) > 1e-3
    assert relative(last, restarted(plan, times, most * 2, least)) > 1e-3


GUIDANCE = 0.6


def noises(z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The noise of the guided answer and of the unguided one, for an input of the network's own frame."""
    conditional, free = (fake_network(one, t.expand(len(z))) for one in (z.flip(1), z))
    return free + GUIDANCE * (conditional - free), free


def frame(path: Path, level: Level) -> Tensor:
    """What the network's frame is times ours: sqrt(abar) on the path of SD 1, nothing on the rectified one."""
    return torch.ones(()).double() if isinstance(path, Rectified) else 1 / (1 + level.sigma**2).sqrt()


def pair(plan: Plan) -> Denoiser:
    def both(x: Tensor, level: Level) -> Tensor:
        found = noises(frame(plan.path, level) * x, level.t)
        return torch.stack([(x - level.sigma * noise) / level.alpha for noise in found])

    return both


def cfg_pp(plan: Plan, eta: float, bent: bool, late: bool = True) -> Iterator[Tensor]:
    """The authors' algorithms: DDIM (Song et al. 2021, equation 12) with the unguided noise; where it is `bent`,
    DPM-Solver++(2M) in log(alpha / sigma), whose difference is of the guided answer (`late`) from the free one before.
    """
    frames = [frame(plan.path, level) for level in plan.levels]
    a, s = (
        [f * getattr(level, n) for f, level in zip(frames, plan.levels, strict=True)]
        for n in ("alpha", "sigma")
    )
    z, draw, old = frames[0] * begun(plan), draws(), None
    lengths = [(a[i + 1] * s[i] / (s[i + 1] * a[i])).log() for i in range(len(plan))]
    for i in range(len(plan)):
        guided, free = noises(z, plan.levels[i].t)
        clean, clean_free = ((z - s[i] * noise) / a[i] for noise in (guided, free))
        fresh = eta * s[i + 1] / s[i] * (1 - (a[i] / a[i + 1] * s[i + 1] / s[i]) ** 2).sqrt() * s[i]
        z = a[i + 1] * clean + (s[i + 1] ** 2 - fresh**2).sqrt() * free
        if eta:
            z = z + fresh * draw()
        if bent and old is not None and s[i + 1] > 0:
            step = (1 - (-lengths[i]).exp()) * lengths[i] / lengths[i - 1] / 2
            z = z + a[i + 1] * step * ((clean if late else clean_free) - old)
        old = clean_free
        yield z / frames[i + 1]


@EACH_PLAN
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_euler_cfg_pp(eta: float, plan: Plan) -> None:
    states = list(cfg_pp(plan, eta, bent=False))
    assert error(ours("euler_cfg_pp", plan, pair(plan), eta=eta), states) <= BOUND
    assert error(ours("euler_a_cfg_pp", plan, pair(plan), eta=eta), states) <= BOUND
    assert error(ours("euler_cfg_pp", plan, pair(plan), eta=abs(eta - 0.01)), states) > 1e-5
    assert error(ours("euler_cfg_pp", plan, lambda x, a: pair(plan)(x, a)[[0, 0]], eta=eta), states) > 1e-3


@EACH_PLAN
def test_dpmpp_2m_cfg_pp(plan: Plan) -> None:
    states = list(cfg_pp(plan, 0.0, bent=True))
    assert error(ours("dpmpp_2m_cfg_pp", plan, pair(plan)), states) <= BOUND
    assert error(ours("dpmpp_2m_cfg_pp", nudged(plan), pair(plan)), states) > 100 * BOUND
    assert relative(states[-1], list(cfg_pp(plan, 0.0, bent=True, late=False))[-1]) > 1e-3


@pytest.mark.parametrize("steps", [5, 12, 30])
def test_ipndm(steps: int) -> None:
    """From its second time on: at the first it has no signal at all, and takes 1e-8 for it."""
    scheduler: Any = ipndm_module.IPNDMScheduler()
    scheduler.set_timesteps(steps)
    scheduler.betas, scheduler.timesteps = scheduler.betas.double(), scheduler.timesteps.double()
    scheduler.alphas = (1 - scheduler.betas**2).sqrt()
    scheduler.set_begin_index(1)
    sigmas, times = (scheduler.betas / scheduler.alphas)[1:], scheduler.timesteps[1:]
    z, states = start(), list[Tensor]()
    for t, sigma in zip(times, sigmas[1:], strict=True):
        z = scheduler.step(fake_network(z, t.expand(len(z))), t, z).prev_sample
        states.append(z * (1 + sigma**2).sqrt())
    plan = plan_of(sigmas, times)
    ask = plain(predictor(lambda x, t: fake_network(x, t)[None], VELOCITY))
    assert error(ours("ipndm", plan, ask), states) <= BOUND
    assert error(ours("ipndm", plan, ask, order=3), states) > 1e-6
    levels = list(plan.levels)
    levels[2] = replace(levels[2], sigma=levels[2].sigma * 1.001)
    assert error(ours("ipndm", replace(plan, levels=tuple(levels)), ask), states) > 100 * BOUND
