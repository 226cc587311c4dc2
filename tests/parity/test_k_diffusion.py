"""Our samplers walk k-diffusion's levels to its states; those come from a golden file (tools/k_diffusion.py)."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from k_diffusion import SIGMAS, WALKS, answer, draws, start
from mezzotint.diffusion.path import Diffused, Level, scaled_linear
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.registry import SAMPLERS
from parity.diffusion_reference import relative

BOUND = 1e-9
PATH = Diffused(scaled_linear(0.00085, 0.012, 1000))
GOLDEN = load_file(Path(__file__).parents[1] / "golden" / "k_diffusion.safetensors")


def plan(sigmas: Tensor) -> Plan:
    return Plan(PATH, tuple(PATH.level(sigma, i) for i, sigma in enumerate(sigmas)))


def ours(sampler: str, along: Plan, given: dict[str, float]) -> Tensor:
    def denoise(x: Tensor, level: Level) -> Tensor:
        return answer(x, level.sigma)

    entry, source = SAMPLERS[sampler], draws()
    *_, last = entry.sample(denoise, start(), along, lambda a, b, purpose: source(), entry.tuned(given))
    return last.x


@pytest.mark.parametrize(("name", "function", "given"), WALKS, ids=[name for name, _, _ in WALKS])
def test_walks(name: str, function: str, given: dict[str, float]) -> None:
    sampler = name.split()[0]
    takes = SAMPLERS[sampler].takes
    known = {key: value for key, value in given.items() if key in takes}
    assert relative(ours(sampler, plan(SIGMAS), known), GOLDEN[name]) <= BOUND
    nudged = SIGMAS.clone()
    nudged[3] *= 1.001
    assert relative(ours(sampler, plan(nudged), known), GOLDEN[name]) > 100 * BOUND


def grouped(count: int) -> Tensor:
    """k-diffusion's steps are of equal length in log sigma, whatever their order; the calls lie evenly in each."""
    thirds, rest = divmod(count, 3)
    orders = [3] * (thirds - 1) + [2, 1] if rest == 0 else [3] * thirds + [rest]
    ends = torch.linspace(0, 1, len(orders) + 1, dtype=torch.float64)
    places = [ends[i] + (ends[i + 1] - ends[i]) * k / n for i, n in enumerate(orders) for k in range(n)]
    return torch.tensor(14.6, dtype=torch.float64) * (0.03 / 14.6) ** torch.stack([*places, ends[-1]])


@pytest.mark.parametrize("count", [5, 6, 7])
def test_dpm_fast(count: int) -> None:
    assert relative(ours("dpm_fast", plan(grouped(count)), {}), GOLDEN[f"dpm_fast {count}"]) <= 1e-6
    assert relative(ours("dpm_fast", plan(grouped(count + 1)), {}), GOLDEN[f"dpm_fast {count}"]) > 1e-4


def test_dpm_adaptive() -> None:
    ends = plan(torch.tensor([14.6, 0.03], dtype=torch.float64))
    assert relative(ours("dpm_adaptive", ends, {}), GOLDEN["dpm_adaptive"]) <= 1e-6
    assert relative(ours("dpm_adaptive", ends, {"tolerance": 0.04}), GOLDEN["dpm_adaptive"]) > 1e-5
