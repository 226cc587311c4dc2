"""Input scale, reading of outputs and training target agree with each other at every level."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.toys import PATH, STEADY, normal
from mezzotint.diffusion.prediction import NOISE, PREDICTIONS, VELOCITY, Prediction

EACH = pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS.keys())
TABLE = PATH.training(torch.arange(1000))
SIZE = (1000, 2, 3, 3)
numbers = st.floats(-20, 20)


@EACH
@pytest.mark.parametrize(("dtype", "near"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_right_output_gives_back_the_clean_latent_at_every_time(
    prediction: Prediction, dtype: torch.dtype, near: float
) -> None:
    clean, noise = normal(SIZE, 1, dtype), normal(SIZE, 2, dtype)
    x = clean + TABLE.sigma.to(dtype) * noise
    found = prediction.clean(prediction.target(clean, noise, TABLE), x, TABLE)
    assert found.dtype == dtype
    assert float((found - clean).abs().max()) < near * float(x.abs().max())


@EACH
def test_the_network_sees_unit_variance_at_every_time(prediction: Prediction) -> None:
    clean, noise = normal(SIZE, 1), normal(SIZE, 2)
    seen = prediction.scale_in(clean + TABLE.sigma.float() * noise, TABLE)
    assert seen.dtype == torch.float32
    assert float(seen.var()) == pytest.approx(1, abs=0.02)
    assert seen.flatten(1).std(1)[[0, 500, 999]].tolist() == pytest.approx([1, 1, 1], abs=0.6)


@STEADY
@given(numbers, numbers, st.floats(0, 999), st.sampled_from([NOISE, VELOCITY]))
def test_the_right_output_gives_back_any_clean_value(
    clean: float, noise: float, t: float, prediction: Prediction
) -> None:
    level = PATH.level(PATH.sigma_at(torch.tensor(t)))
    c, n = torch.tensor(clean, dtype=torch.float64), torch.tensor(noise, dtype=torch.float64)
    found = prediction.clean(prediction.target(c, n, level), c + level.sigma * n, level)
    assert float(found) == pytest.approx(clean, abs=1e-11)


@EACH
def test_outputs_may_have_a_leading_axis_that_x_lacks(prediction: Prediction) -> None:
    x, outputs = normal((2, 4, 3, 3)), normal((5, 2, 4, 3, 3), 3)
    level = PATH.training(torch.tensor([3, 800]))
    found = prediction.clean(outputs, x, level)
    for output, one in zip(outputs, found, strict=True):
        assert torch.equal(prediction.clean(output, x, level), one)


def test_velocity_closed_form() -> None:
    """At the level where half of the variance is noise, v = (noise - clean) / sqrt(2)."""
    level = PATH.level(torch.tensor(1.0))
    clean, noise = normal(seed=1), normal(seed=2)
    assert torch.allclose(VELOCITY.target(clean, noise, level), (noise - clean) / 2**0.5)
    assert NOISE.target(clean, noise, level) is noise


def test_registry_is_frozen_and_named_after_its_entries() -> None:
    assert all(name == entry.name for name, entry in PREDICTIONS.items())
    with pytest.raises(TypeError):
        PREDICTIONS["noise"] = VELOCITY  # type: ignore[index]
