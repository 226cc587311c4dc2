"""The set distances against their definitions."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.evaluate.fidelity import distance, frechet, kernel_distance
from mezzotint.values.errors import BadValue


def _features(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _by_definition(a: torch.Tensor, b: torch.Tensor) -> float:
    product = torch.cov(a.T) @ torch.cov(b.T)
    root = torch.linalg.eigvals(product).real.clamp(min=0).sqrt().sum()
    means = (a.mean(0) - b.mean(0)).square().sum()
    return float(means + torch.cov(a.T).trace() + torch.cov(b.T).trace() - 2 * root)


@given(st.integers(12, 40), st.integers(12, 40), st.integers(2, 8), st.integers(0, 99))
@settings(deadline=None, max_examples=25)
def test_frechet_is_its_definition(n: int, m: int, d: int, seed: int) -> None:
    a, b = _features(n, d, seed), _features(m, d, seed + 1) * 2 + 1
    assert math.isclose(frechet(a, b), _by_definition(a, b), rel_tol=1e-6, abs_tol=1e-6)


def test_frechet_of_a_shift_is_its_square() -> None:
    a = _features(50, 6, 0)
    assert math.isclose(frechet(a, a + 3), 9 * 6, rel_tol=1e-9)
    assert abs(frechet(a, a)) < 1e-9


def test_frechet_with_fewer_pictures_than_features() -> None:
    a, b = _features(5, 30, 0), _features(5, 30, 1)
    assert frechet(a, b) > 1
    assert abs(frechet(a, a)) < 1e-9


def test_kernel_distance_is_unbiased_near_zero_for_one_source_and_grows_with_a_shift() -> None:
    draws = [kernel_distance(_features(40, 4, 2 * s), _features(40, 4, 2 * s + 1)) for s in range(60)]
    mean = sum(draws) / len(draws)
    error = torch.tensor(draws).std() / len(draws) ** 0.5
    assert abs(mean) < 3 * error
    assert kernel_distance(_features(40, 4, 0), _features(40, 4, 1) + 1) > 20 * error


def test_kernel_distance_by_hand() -> None:
    a, b = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])
    within = 1.0 + 7.0**3  # k(0, 1) = 1 and k(2, 3) = 7^3, each counted twice over two ordered pairs
    between = (1 + 1 + 27 + 64) / 4  # k(0, 2), k(0, 3), k(1, 2), k(1, 3)
    assert kernel_distance(a, b) == pytest.approx(within - 2 * between)


def test_distance_reports_both_with_their_size() -> None:
    a, b = _features(100, 4, 0), _features(100, 4, 1) + 1
    result = distance(a, b)
    assert result.n == 100
    assert result.fid == frechet(a, b)
    assert result.kid == kernel_distance(a, b)
    assert 0 < result.kid_error < result.kid


def test_unequal_features_are_refused() -> None:
    with pytest.raises(BadValue, match="cannot compare"):
        frechet(torch.zeros(4, 3), torch.zeros(4, 2))
