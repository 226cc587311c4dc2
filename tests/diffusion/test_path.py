"""The noise table, its inverse, and the levels made from it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.toys import PATH, STEADY, normal
from mezzotint.diffusion.path import Diffused, scaled_linear
from mezzotint.diffusion.prediction import NOISE

ALL = torch.arange(1000)


def test_table_is_that_of_the_closed_form() -> None:
    abar = 1.0
    for i, sigma in enumerate(PATH.sigmas.tolist()):
        abar *= 1 - (0.00085**0.5 + (0.012**0.5 - 0.00085**0.5) * i / 999) ** 2
        assert sigma == pytest.approx(((1 - abar) / abar) ** 0.5, rel=1e-12)
    assert PATH.times == 1000
    assert PATH.sigmas.dtype == torch.float64
    assert bool((PATH.sigmas.diff() > 0).all())


@pytest.mark.parametrize("betas", [[0.1], [[0.1, 0.2]], [0.1, 1.0], [0.0, 0.1], [0.1, float("nan")]])
def test_impossible_betas_are_refused(betas: list[float]) -> None:
    with pytest.raises(ValueError, match="betas"):
        Diffused(torch.tensor(betas))


def test_whole_times_give_the_table() -> None:
    assert torch.allclose(PATH.sigma_at(ALL), PATH.sigmas, rtol=1e-14, atol=0)
    assert torch.allclose(PATH.t_at(PATH.sigmas), ALL.double(), rtol=0, atol=1e-10)


@STEADY
@given(st.floats(0, 999))
def test_time_and_sigma_are_inverse(t: float) -> None:
    assert float(PATH.t_at(PATH.sigma_at(torch.tensor(t, dtype=torch.float64)))) == pytest.approx(t, abs=1e-9)


@STEADY
@given(st.floats(0, 998), st.floats(0.01, 1))
def test_sigma_grows_with_time(t: float, more: float) -> None:
    low, high = PATH.sigma_at(torch.tensor([t, t + more], dtype=torch.float64))
    assert low < high


def test_beyond_the_table_is_its_end() -> None:
    assert PATH.t_at(torch.tensor([0.0, 1e-30, 1e30, float("inf")])).tolist() == [0, 0, 999, 999]
    assert PATH.sigma_at(torch.tensor([-1.0, 2000.0])).tolist() == pytest.approx(
        PATH.sigmas[[0, -1]].tolist()
    )


@pytest.mark.parametrize("floor", [2.0**-24, 1e-12])
def test_a_path_up_to_pure_noise(floor: float) -> None:
    """Lin et al. 2023: sqrt(abar) is an affine function of what it was, its first value kept, its last one gone."""
    betas = scaled_linear(0.00085, 0.012, 1000)
    path = Diffused(betas, floor)
    before, after = ((1 + p.sigmas**2).rsqrt() for p in (PATH, path))
    slope = (after[1:-1] - after[0]) / (before[1:-1] - before[0])
    assert torch.allclose(slope, slope[:1], rtol=1e-9, atol=0)
    assert float(after[0]) == pytest.approx(float(before[0]), rel=1e-14)
    assert float(after[0] + slope[0] * (before[-1] - before[0])) == pytest.approx(0, abs=1e-12)
    assert float(after[-1] ** 2) == pytest.approx(floor, rel=1e-9)
    assert bool((path.sigmas.diff() > 0).all()) and bool(path.sigmas.isfinite().all())
    assert torch.allclose(path.t_at(path.sigmas), ALL.double(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("floor", [0.0, -1e-9, 0.5, float("nan")])
def test_impossible_floors_are_refused(floor: float) -> None:
    with pytest.raises(ValueError, match="floor"):
        Diffused(scaled_linear(0.00085, 0.012, 1000), floor)


def test_level() -> None:
    level = PATH.level(torch.tensor(3.0), step=4, call=1)
    assert (level.step, level.call, float(level.alpha)) == (4, 1, 1.0)
    assert level.t.shape == level.sigma.shape == ()
    assert level.sigma.dtype == level.t.dtype == torch.float64
    assert float(PATH.sigma_at(level.t)) == pytest.approx(3.0)
    assert float(PATH.level(torch.tensor(0.0)).t) == 0


def test_training_levels() -> None:
    level = PATH.training(torch.tensor([0, 999, 10]))
    assert level.t.shape == level.alpha.shape == level.sigma.shape == (3, 1, 1, 1)
    assert level.t.flatten().tolist() == [0, 999, 10]
    assert torch.equal(level.sigma.flatten(), PATH.sigmas[[0, 999, 10]])
    with pytest.raises(IndexError):
        PATH.training(torch.tensor([1000]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sampling_begins_with_a_network_input_of_unit_variance(dtype: torch.dtype) -> None:
    noise, level = normal(dtype=dtype), PATH.level(PATH.sigmas[-1])
    x = PATH.begin(noise, level)
    assert x.dtype == dtype
    assert torch.allclose(NOISE.scale_in(x, level), noise)


def test_scaled_linear() -> None:
    betas = scaled_linear(0.25, 1.0, 3)
    assert betas.dtype == torch.float64
    assert betas.tolist() == [0.25, 0.5625, 1.0]
