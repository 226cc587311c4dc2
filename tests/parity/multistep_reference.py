"""What the parity tests of multistep samplers share: the solvers of the reference beside ours, and a walk of ours."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

import diffusers.schedulers.scheduling_deis_multistep as deis_module
import diffusers.schedulers.scheduling_dpmsolver_multistep as dpm_module
import diffusers.schedulers.scheduling_sasolver as sa_module
import diffusers.schedulers.scheduling_unipc_multistep as unipc_module
import pytest
import torch
from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.registry import SAMPLERS
from parity.diffusion_reference import SHAPE, THEIR_NUMPY, DoubleTorch, generator, relative

BOUND = 1e-6
MARKS = [THEIR_NUMPY, pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")]
MODULES = (deis_module, dpm_module, sa_module, unipc_module)

Solver = tuple[Any, dict[str, Any], str, dict[str, float]]
"""A scheduler of theirs and its settings, our sampler and its options."""

SOLVERS: Mapping[str, Solver] = MappingProxyType({
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
})  # fmt: skip


def drawn_by(sampler: str) -> dict[str, Any]:
    """What the reference's step takes besides, where it draws noise."""
    return {"generator": generator(2)} if sampler in ("sa_solver", "dpmpp_2m_sde") else {}


def doubled(monkeypatch: pytest.MonkeyPatch, modules: Iterable[ModuleType]) -> None:
    """Lets the schedulers of these modules compute in float64, and draw their noise as we hand it out."""
    for module in modules:
        monkeypatch.setattr(module, "torch", DoubleTorch("torch"))


def walked(
    sampler: str, plan: Plan, x: Tensor, denoise: Denoiser, given: Mapping[str, float]
) -> Iterator[Tensor]:
    """The states of our sampler from `x` on, with noise from the generator that the reference is given."""
    stream = generator(2)

    def noise(a: Level, b: Level, purpose: str) -> Tensor:
        return torch.randn(SHAPE, generator=stream, dtype=torch.float64)

    entry = SAMPLERS[sampler]
    for step in entry.sample(denoise, x, plan, noise, entry.tuned(given)):
        yield step.x


def error(a: Iterable[Tensor], b: Iterable[Tensor]) -> float:
    """The greatest of all states'."""
    return max(relative(one, other) for one, other in zip(a, b, strict=True))
