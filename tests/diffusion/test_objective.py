"""The training loss: zero for the truth, weighted as published, driven by the generator alone."""

import pytest
import torch
from torch import Generator, Tensor

from diffusion.toys import PATH, normal
from mezzotint.diffusion.objective import loss, weight
from mezzotint.diffusion.prediction import NOISE, PREDICTIONS, VELOCITY, Prediction

EACH = pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS.keys())
TABLE = PATH.training(torch.arange(1000))
SNR = TABLE.sigma**-2


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def halves(x: Tensor, t: Tensor) -> Tensor:
    return x / 2


@pytest.mark.parametrize("gamma", [1.0, 5.0])
def test_min_snr_weights_closed_form(gamma: float) -> None:
    """Hang et al. 2023: min(snr, gamma) / snr for noise, min(snr, gamma) / (snr + 1) for velocity."""
    least = SNR.clamp(max=gamma)
    assert torch.allclose(weight(TABLE, NOISE, gamma), least / SNR, rtol=1e-12, atol=0)
    assert torch.allclose(weight(TABLE, VELOCITY, gamma), least / (SNR + 1), rtol=1e-12, atol=0)
    assert not torch.allclose(weight(TABLE, VELOCITY, gamma), least / SNR, rtol=1e-3)


@EACH
@pytest.mark.parametrize("min_snr", [None, 5.0])
def test_a_network_that_knows_the_truth_loses_nothing(prediction: Prediction, min_snr: float | None) -> None:
    clean = normal((16, 4, 3, 3))

    def oracle(x: Tensor, t: Tensor) -> Tensor:
        level = PATH.training(t.long())
        noise = (x * (1 + level.sigma**2).sqrt() - clean) / level.sigma
        return prediction.target(clean.double(), noise, level)

    assert float(loss(oracle, clean, prediction, PATH, generator(), min_snr)) < 1e-8
    assert float(loss(halves, clean, prediction, PATH, generator(), min_snr)) > 1e-2


@EACH
def test_loss_is_the_generators_alone(prediction: Prediction) -> None:
    clean = normal((8, 4, 3, 3))
    torch.manual_seed(1)
    first = loss(halves, clean, prediction, PATH, generator(3), 5.0)
    torch.manual_seed(2)
    assert torch.equal(loss(halves, clean, prediction, PATH, generator(3), 5.0), first)
    assert not torch.equal(loss(halves, clean, prediction, PATH, generator(4), 5.0), first)


def test_times_cover_the_table_and_come_as_a_float_vector() -> None:
    seen: list[Tensor] = []

    def network(x: Tensor, t: Tensor) -> Tensor:
        seen.append(t)
        return x

    loss(network, torch.zeros(20_000, 1, 1, 1), NOISE, PATH, generator())
    (t,) = seen
    assert t.shape == (20_000,)
    assert t.dtype == torch.float32
    assert (int(t.min()), int(t.max())) == (0, 999)
    assert float(t.mean()) == pytest.approx(499.5, abs=10)


@EACH
def test_gradients_reach_a_network_that_runs_in_bfloat16(prediction: Prediction) -> None:
    network = torch.nn.Conv2d(4, 4, 1)
    torch.nn.init.eye_(network.weight.data[:, :, 0, 0])
    dtypes: list[torch.dtype] = []

    def call(x: Tensor, t: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            output = network(x)
        dtypes.append(output.dtype)
        return output

    low = loss(call, normal((8, 4, 3, 3)), prediction, PATH, generator(), 5.0)
    high = loss(lambda x, t: network(x), normal((8, 4, 3, 3)), prediction, PATH, generator(), 5.0)
    low.backward()
    assert dtypes == [torch.bfloat16]
    assert low.dtype == torch.float32
    assert low.shape == ()
    assert low.item() == pytest.approx(high.item(), rel=0.02)
    assert network.weight.grad is not None
    assert float(network.weight.grad.abs().sum()) > 0
