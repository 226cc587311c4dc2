"""The spacings against their published tables and closed forms, and with any sampler on any path."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from diffusion.toys import PATH
from mezzotint.diffusion.path import Diffused, Path, Rectified, scaled_linear
from mezzotint.diffusion.plan import make_plan
from mezzotint.diffusion.quantiles import symmetric_beta

FLOWING = Rectified(3.0)
LOW, HIGH = float(PATH.sigmas[0]), float(PATH.sigmas[-1])


def sigmas(path: Path, spacing: str, steps: int, rho: float | None = None) -> Tensor:
    return torch.stack([level.sigma for level in make_plan(path, spacing, steps, rho).levels[:-1]])


def times(spacing: str, steps: int) -> list[float]:
    return [round(float(level.t), 6) for level in make_plan(PATH, spacing, steps).levels[:-1]]


AYS = {
    "align_your_steps": [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152],
    "align_your_steps_xl": [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113],
}


@pytest.mark.parametrize("spacing", AYS)
def test_ten_aligned_steps_are_the_published_ones(spacing: str) -> None:
    """diffusers' `AysSchedules` holds the same tables; 14.615 is cut to the largest trained sigma, 14.6146."""
    from diffusers.schedulers.scheduling_utils import AysSchedules  # pyright: ignore[reportPrivateImportUsage]

    published = {
        "align_your_steps": AysSchedules["StableDiffusionSigmas"],
        "align_your_steps_xl": AysSchedules["StableDiffusionXLSigmas"],
    }[spacing]
    assert published[:-1] == AYS[spacing]
    assert sigmas(PATH, spacing, 10).tolist() == pytest.approx(AYS[spacing], rel=5e-5)


@pytest.mark.parametrize("spacing", AYS)
def test_aligned_steps_between_are_log_linear(spacing: str) -> None:
    found, table = sigmas(PATH, spacing, 20), AYS[spacing]
    assert found[2::2].tolist() == pytest.approx(table[1:], rel=1e-9)
    assert found[3:-1:2].tolist() == pytest.approx(
        [math.sqrt(a * b) for a, b in pairwise(table[1:])], rel=1e-9
    )


def test_aligned_steps_of_video_reach_over_its_own_range() -> None:
    path = Diffused(scaled_linear(0.00085, 0.012, 1000))
    table = [700.00, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002]
    share = [math.log(s / 0.002) / math.log(700 / 0.002) for s in table[:-1]]
    wanted = [LOW * (HIGH / LOW) ** s for s in share]
    assert sigmas(path, "align_your_steps_svd", 10).tolist() == pytest.approx(wanted, rel=1e-9)


def test_even_in_the_log() -> None:
    wanted = [HIGH * (LOW / HIGH) ** (i / 6) for i in range(7)]
    assert sigmas(PATH, "exponential", 7).tolist() == pytest.approx(wanted, rel=1e-12)
    assert sigmas(PATH, "polyexponential", 7).tolist() == pytest.approx(wanted, rel=1e-12)
    wanted = [LOW * (HIGH / LOW) ** ((1 - i / 6) ** 2) for i in range(7)]
    assert sigmas(PATH, "polyexponential", 7, rho=2.0).tolist() == pytest.approx(wanted, rel=1e-12)


def test_rho_of_karras() -> None:
    wanted = [(HIGH**0.2 + i / 6 * (LOW**0.2 - HIGH**0.2)) ** 5 for i in range(7)]
    assert sigmas(PATH, "karras", 7, rho=5.0).tolist() == pytest.approx(wanted, rel=1e-12)


def test_even_in_the_arc_tangent() -> None:
    wanted = [math.tan(i / 6 * math.atan(LOW) + (1 - i / 6) * math.atan(HIGH)) for i in range(7)]
    assert sigmas(PATH, "kl_optimal", 7).tolist() == pytest.approx(wanted, rel=1e-12)


def test_times_of_strides() -> None:
    assert times("turbo", 4) == [999, 899, 799, 699]
    assert times("turbo", 20)[:3] == [999, 949, 899]
    assert times("simple", 3) == [999, 666, 333]
    assert times("simple", 7) == [999, 857, 714, 571, 428, 285, 142]
    assert times("sgm_uniform", 4) == [999, 749.25, 499.5, 249.75]
    assert sigmas(FLOWING, "sgm_uniform", 4).tolist() == sigmas(FLOWING, "linspace", 5)[:-1].tolist()


def test_linear_then_quadratic() -> None:
    """Eight steps by hand: 2.5 % in four equal parts; then value and slope go on, and 1 is reached at the end."""
    found = 1 - sigmas(FLOWING, "linear_quadratic", 8)
    assert found[:5].tolist() == pytest.approx([0, 0.00625, 0.0125, 0.01875, 0.025], abs=1e-12)
    assert found[5:].tolist() == pytest.approx(
        [0.00625 * i + (1 - 0.05) / 16 * (i - 4) ** 2 for i in (5, 6, 7)], rel=1e-12
    )
    assert sigmas(PATH, "linear_quadratic", 1).tolist() == [HIGH]


@pytest.mark.parametrize(
    ("p", "quantile"),
    [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)],
)
def test_quantiles_that_symmetry_gives(p: float, quantile: float) -> None:
    for shape in (0.5, 0.6, 1.0):
        found = symmetric_beta(torch.tensor([p], dtype=torch.float64), shape)
        assert float(found) == pytest.approx(quantile, abs=1e-12)


def test_quantiles_of_the_arcsine_and_the_even_distribution() -> None:
    p = torch.linspace(0.01, 0.99, 33, dtype=torch.float64)
    assert torch.allclose(symmetric_beta(p, 1.0), p, atol=1e-12)
    assert torch.allclose(symmetric_beta(p, 0.5), (p * math.pi / 2).sin() ** 2, atol=1e-10)


def test_beta_times() -> None:
    """Quantiles of Beta(0.6, 0.6), by a sum over a million slices."""
    found = times("beta", 4)
    x = (torch.arange(1_000_000, dtype=torch.float64) + 0.5) / 1_000_000
    mass = (x * (1 - x)) ** -0.4
    share = mass.cumsum(0) / mass.sum()
    wanted = [999 * float(x[torch.searchsorted(share, torch.tensor(q))]) for q in (0.75, 0.5, 0.25)]
    assert found[0] == 999
    assert found[1:] == pytest.approx(wanted, abs=0.5)


@pytest.mark.parametrize("steps", [2, 5, 20, 30])
def test_normal_of_other_programs_is_linspace(steps: int) -> None:
    """ComfyUI's and A1111's `normal`: N even times from that of the largest sigma to that of the smallest."""
    t = [999 * (1 - i / (steps - 1)) for i in range(steps)]
    logs = PATH.sigmas.log().tolist()
    low = [min(int(one + 1e-9), 998) for one in t]
    wanted = [math.exp(logs[i] + (one - i) * (logs[i + 1] - logs[i])) for i, one in zip(low, t, strict=True)]
    assert sigmas(PATH, "linspace", steps).tolist() == pytest.approx(wanted, rel=1e-9)
    least = 3 * 0.001 / (1 + 2 * 0.001)
    u = [1 + i / (steps - 1) * (least - 1) for i in range(steps)]
    wanted = [3 * one / (1 + 2 * one) for one in u]
    assert sigmas(FLOWING, "linspace", steps).tolist() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize(("steps", "theirs"), [(10, 10), (20, 20), (25, 25), (30, 31), (15, 16)])
def test_ddim_of_other_programs_is_leading_where_the_steps_divide_the_times(steps: int, theirs: int) -> None:
    """ComfyUI's `ddim_uniform` and A1111's `DDIM`: from 1 in whole strides as far as it goes, be it a step more."""
    wanted = list(range(1, 1000, 1000 // steps))[::-1]
    assert len(wanted) == theirs
    assert times("leading", steps) == wanted[theirs - steps :]
