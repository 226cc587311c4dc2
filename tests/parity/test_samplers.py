"""Each sampler walks the reference scheduler's own levels to the reference's states, in float64."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
)
from torch import Tensor

from mezzotint.diffusion.denoise import predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.prediction import PREDICTIONS
from mezzotint.diffusion.samplers import plms as plms_module
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.samplers.step import Tuning
from parity.diffusion_reference import (
    SHAPE,
    THEIR_NAME,
    THEIR_NUMPY,
    TRAINED,
    double,
    fake_network,
    generator,
    plan_of,
    reference_states,
    relative,
    start,
)

BOUND = 1e-10
pytestmark = [pytest.mark.usefixtures(double.__name__), THEIR_NUMPY]
PREDICTED = pytest.mark.parametrize("prediction", ["noise", "velocity"])
STEPS = pytest.mark.parametrize("steps", [10, 20, 50])


@dataclass(frozen=True)
class Walk:
    """The reference's way: its states in our frame, the plan of its levels, and where both started."""

    states: Sequence[Tensor]
    plan: Plan
    x: Tensor
    prediction: str

    def error(
        self, sampler: str, eta: float = 0.0, prediction: str = "", dtype: torch.dtype = torch.float64
    ) -> float:
        """The largest relative error of our states over all steps."""
        ours = self.ours(sampler, eta, prediction or self.prediction, dtype)
        return max(relative(a, b) for a, b in zip(ours, self.states, strict=True))

    def misses(self, sampler: str, eta: float = 0.0) -> bool:
        """Whether some state is out of bounds; stops at the first."""
        ours = self.ours(sampler, eta, self.prediction, torch.float64)
        return any(relative(a, b) > BOUND for a, b in zip(ours, self.states, strict=True))

    def ours(self, sampler: str, eta: float, prediction: str, dtype: torch.dtype) -> Iterator[Tensor]:
        stream = generator(2)

        def noise(a: Level, b: Level, purpose: str) -> Tensor:
            return torch.randn(SHAPE, generator=stream, dtype=torch.float64)

        denoise = plain(predictor(lambda x, t: fake_network(x, t)[None], PREDICTIONS[prediction]))
        for step in SAMPLERS[sampler].sample(denoise, self.x.to(dtype), self.plan, noise, Tuning(eta)):
            assert step.x.dtype == dtype
            yield step.x

    def nudged(self) -> "Walk":
        """The same, but the third level of our plan is 0.1 % too noisy."""
        levels = list(self.plan.levels)
        levels[2] = replace(levels[2], sigma=levels[2].sigma * 1.001)
        return replace(self, plan=replace(self.plan, levels=tuple(levels)))


def in_our_frame(states: Iterator[Tensor], sigmas: Tensor) -> list[Tensor]:
    """States of the variance-preserving frame, divided by sqrt(abar)."""
    return [x * (1 + sigma**2).sqrt() for x, sigma in zip(states, sigmas, strict=True)]


def sigmas_of(scheduler: Any, times: Tensor) -> Tensor:
    """Sigmas of a scheduler that thinks in abar, closed by the 0 of `set_alpha_to_one`."""
    abar = torch.cat([scheduler.alphas_cumprod[times], scheduler.final_alpha_cumprod.double()[None]])
    return ((1 - abar) / abar).sqrt()


def ddim_walk(steps: int, prediction: str, eta: float) -> Walk:
    theirs = DDIMScheduler(
        **TRAINED,
        steps_offset=1,
        clip_sample=False,
        set_alpha_to_one=True,
        prediction_type=THEIR_NAME[prediction],
    )
    theirs.set_timesteps(steps)
    sigmas = sigmas_of(theirs, theirs.timesteps)
    states = reference_states(theirs, start(), fake_network, eta=eta, generator=generator(2))
    x = start() * (1 + sigmas[0] ** 2).sqrt()
    return Walk(in_our_frame(states, sigmas[1:]), plan_of(sigmas, theirs.timesteps), x, prediction)


def plms_walk(steps: int, prediction: str, scheduler_prediction: str = "epsilon") -> Walk:
    """PNDM averages past outputs as they are; of velocities that is another method (see the last test).

    So a velocity network's output is made noise before the reference sees it.
    """
    theirs = PNDMScheduler(
        **TRAINED,
        steps_offset=1,
        skip_prk_steps=True,
        set_alpha_to_one=True,
        prediction_type=scheduler_prediction,
    )
    theirs.set_timesteps(steps)
    times = torch.cat([theirs.timesteps[:1], theirs.timesteps[2:]]) if steps > 1 else theirs.timesteps
    sigmas = sigmas_of(theirs, times)

    def network(x: Tensor, t: Tensor) -> Tensor:
        output = fake_network(x, t)
        if prediction == "noise" or scheduler_prediction == "v_prediction":
            return output
        abar = theirs.alphas_cumprod[t[0]]
        return abar.sqrt() * output + (1 - abar).sqrt() * x

    states = list(reference_states(theirs, start(), network))
    states = states[1:] if steps > 1 else states
    x = start() * (1 + sigmas[0] ** 2).sqrt()
    return Walk(in_our_frame(iter(states), sigmas[1:]), plan_of(sigmas, times), x, prediction)


def set_sigmas(scheduler: Any, steps: int) -> Tensor:
    """Sets the timesteps; the sigmas, which passed through numpy's float32, go on in float64."""
    scheduler.set_timesteps(steps)
    scheduler.sigmas = scheduler.sigmas.double()
    return scheduler.sigmas


def sigma_walk(theirs: Any, steps: int, prediction: str, **step: Any) -> Walk:
    """For the schedulers whose state is in our frame."""
    set_sigmas(theirs, steps)
    x = start() * theirs.init_noise_sigma
    states = list(reference_states(theirs, x, fake_network, **step))
    return Walk(states, plan_of(theirs.sigmas, theirs.timesteps), x, prediction)


def euler_walk(steps: int, prediction: str) -> Walk:
    theirs = EulerDiscreteScheduler(**TRAINED, prediction_type=THEIR_NAME[prediction])
    return sigma_walk(theirs, steps, prediction)


def euler_a_walk(steps: int, prediction: str) -> Walk:
    theirs = EulerAncestralDiscreteScheduler(**TRAINED, prediction_type=THEIR_NAME[prediction])
    return sigma_walk(theirs, steps, prediction, generator=generator(2))


def dpmpp_2m_walk(steps: int, prediction: str, karras: bool = False) -> Walk:
    theirs = DPMSolverMultistepScheduler(
        **TRAINED,
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        lower_order_final=True,
        final_sigmas_type="zero",
        use_karras_sigmas=karras,
        prediction_type=THEIR_NAME[prediction],
    )
    sigmas = set_sigmas(theirs, steps)
    states = in_our_frame(reference_states(theirs, start(), fake_network), sigmas[1:])
    x = start() * (1 + sigmas[0] ** 2).sqrt()
    return Walk(states, plan_of(sigmas, theirs.timesteps), x, prediction)


@STEPS
@PREDICTED
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(steps: int, prediction: str, eta: float) -> None:
    walk = ddim_walk(steps, prediction, eta)
    assert walk.error("ddim", eta) <= BOUND
    assert walk.misses("ddim", abs(eta - 0.01))
    assert walk.nudged().misses("ddim", eta)


@STEPS
@PREDICTED
def test_plms(steps: int, prediction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = plms_walk(steps, prediction)
    assert walk.error("plms") <= BOUND
    assert walk.misses("euler"), "without history"
    assert walk.nudged().misses("plms")
    weights = plms_module.ADAMS_BASHFORTH
    monkeypatch.setattr(plms_module, "ADAMS_BASHFORTH", (*weights[:3], (*weights[3][:3], -9.01)))
    assert walk.misses("plms"), "the oldest slope's weight changed"


@STEPS
@PREDICTED
def test_euler(steps: int, prediction: str) -> None:
    walk = euler_walk(steps, prediction)
    assert walk.error("euler") <= BOUND
    assert walk.nudged().misses("euler")


@STEPS
@PREDICTED
def test_euler_a(steps: int, prediction: str) -> None:
    walk = euler_a_walk(steps, prediction)
    assert walk.error("euler_a", eta=1.0) <= BOUND
    assert walk.misses("euler_a", eta=0.99)
    assert walk.nudged().misses("euler_a", eta=1.0)


@STEPS
@PREDICTED
@pytest.mark.parametrize("karras", [False, True])
def test_dpmpp_2m(steps: int, prediction: str, karras: bool) -> None:
    walk = dpmpp_2m_walk(steps, prediction, karras)
    assert walk.error("dpmpp_2m") <= BOUND
    assert walk.misses("euler"), "without history"
    assert walk.nudged().misses("dpmpp_2m")


WALKS: dict[str, Callable[[int, str], Walk]] = {
    "ddim": lambda steps, prediction: ddim_walk(steps, prediction, 0.0),
    "plms": plms_walk,
    "euler": euler_walk,
    "euler_a": euler_a_walk,
    "dpmpp_2m": dpmpp_2m_walk,
}


def test_every_sampler_has_a_reference() -> None:
    assert set(WALKS) <= set(SAMPLERS)


@PREDICTED
@pytest.mark.parametrize("sampler", WALKS)
def test_float32_state_stays_near_and_the_other_prediction_does_not(sampler: str, prediction: str) -> None:
    walk = WALKS[sampler](20, prediction)
    eta = SAMPLERS[sampler].tuning.eta
    assert walk.error(sampler, eta, dtype=torch.float32) <= 1e-5
    assert walk.error(sampler, eta, prediction="velocity" if prediction == "noise" else "noise") > 1e-3


@pytest.mark.parametrize("sampler", ["ddim", "plms", "dpmpp_2m"])
def test_one_step(sampler: str) -> None:
    assert WALKS[sampler](1, "noise").error(sampler) <= BOUND


def test_plms_of_velocities_is_not_the_reference_which_averages_velocities() -> None:
    """PNDM with v_prediction mixes velocities of several levels, then reads them at one level; we mix noises."""
    error = plms_walk(20, "velocity", scheduler_prediction="v_prediction").error("plms")
    assert 1e-4 < error < 0.5
