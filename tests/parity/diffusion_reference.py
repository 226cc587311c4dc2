"""What the sampler parity tests share: a fake network, the reference's loop, and plans made of its levels.

The reference schedulers keep their state in float32. Here they see a torch whose `float32` is float64, so that
both sides compute in float64 and the bound can be tight enough to tell one formula from another.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import diffusers.schedulers.scheduling_ddim as ddim_module
import diffusers.schedulers.scheduling_dpmsolver_multistep as dpm_module
import diffusers.schedulers.scheduling_euler_ancestral_discrete as euler_a_module
import diffusers.schedulers.scheduling_euler_discrete as euler_module
import diffusers.schedulers.scheduling_pndm as pndm_module
import pytest
import torch
from torch import Tensor

from mezzotint.diffusion.path import Diffused, Level, scaled_linear
from mezzotint.diffusion.plan import Plan

TRAINED: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
THEIR_NAME = {"noise": "epsilon", "velocity": "v_prediction"}
PATH = Diffused(scaled_linear(0.00085, 0.012, 1000))
SHAPE = (2, 4, 6, 5)

THEIR_NUMPY = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)
"""The reference hands tensors to numpy in a way that numpy 2 warns of."""

Network = Callable[[Tensor, Tensor], Tensor]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


MIX = torch.randn(2, SHAPE[1], SHAPE[1], generator=generator(7), dtype=torch.float64) / SHAPE[1] ** 0.5


class DoubleTorch(ModuleType):
    """torch, but what is called float32 is float64."""

    float32 = torch.float64

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the reference schedulers made in this test compute in float64."""
    for module in (ddim_module, pndm_module, euler_module, euler_a_module, dpm_module):
        monkeypatch.setattr(module, "torch", DoubleTorch("torch"))


def fake_network(x: Tensor, t: Tensor) -> Tensor:
    """A smooth function of x and t, linear in neither, that mixes channels and places and is of unit size."""
    mix = MIX.to(x)
    time = t.to(x).reshape(-1, 1, 1, 1) / 1000
    hidden = torch.tanh(torch.einsum("oc,bchw->bohw", mix[0], x.roll(1, 2) + 0.5 * x) + torch.sin(3 * time))
    return torch.einsum("oc,bchw->bohw", mix[1], hidden) * (1 + time) + 0.3 * x * torch.cos(2 * time)


def start(seed: int = 1) -> Tensor:
    return torch.randn(SHAPE, generator=generator(seed), dtype=torch.float64)


def plan_of(sigmas: Tensor, times: Tensor) -> Plan:
    """Our plan on the reference's levels: N + 1 sigmas, N times."""
    times = torch.cat([times.double(), torch.zeros(1, dtype=torch.float64)])
    pairs = zip(times, sigmas.double(), strict=True)
    return Plan(PATH, tuple(Level(t, torch.ones_like(s), s, i) for i, (t, s) in enumerate(pairs)))


def reference_states(scheduler: Any, x: Tensor, network: Network, **step: Any) -> Iterator[Tensor]:
    """The state after every call of the reference's `step`, whose timesteps are set."""
    for t in scheduler.timesteps:
        output = network(scheduler.scale_model_input(x, t), t.expand(len(x)))
        x = scheduler.step(output, t, x, **step).prev_sample
        yield x


def relative(ours: Tensor, theirs: Tensor) -> float:
    """max|a - b| / max|ref|; the dtypes may differ."""
    return float((ours.double() - theirs.double()).abs().max() / theirs.double().abs().max())
