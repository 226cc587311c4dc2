"""From a network call to a Predictor, and from a Predictor to a guided Denoiser."""

import pytest
import torch
from torch import Tensor

from diffusion.toys import PATH, SHAPE, normal
from mezzotint.diffusion.denoise import Predictor, predictor
from mezzotint.diffusion.guidance.cfg import cfg, plain
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.prediction import NOISE, PREDICTIONS, VELOCITY, Prediction

LEVEL = PATH.level(torch.tensor(2.0))


def answers(*values: Tensor) -> Predictor:
    return lambda x, level: torch.stack(values)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS.keys())
@pytest.mark.parametrize("level", [LEVEL, PATH.training(torch.tensor([0, 500, 999]))], ids=["one", "each"])
@pytest.mark.parametrize("inside", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("outside", [torch.float32, torch.float64])
def test_predictor(prediction: Prediction, level: Level, inside: torch.dtype, outside: torch.dtype) -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def network(x: Tensor, t: Tensor) -> Tensor:
        seen.append((x, t))
        return torch.stack([x, 2 * x]).to(inside)

    x = normal(dtype=outside)
    before = x.clone()
    sigma = level.sigma.clone()
    clean = predictor(network, prediction)(x, level)
    ((scaled, t),) = seen
    assert clean.shape == (2, *SHAPE)
    assert clean.dtype == t.dtype == scaled.dtype == outside
    assert t.shape == (SHAPE[0],)
    assert torch.allclose(t, level.t.to(outside).flatten())
    assert torch.equal(scaled, prediction.scale_in(x, level))
    assert torch.equal(clean[1], prediction.clean((2 * scaled).to(inside).to(outside), x, level))
    assert torch.equal(x, before)
    assert torch.equal(level.sigma, sigma)


def test_guidance_closed_form() -> None:
    positive, negative = normal(seed=1), normal(seed=2)
    denoise = cfg(answers(positive, negative), 7.5)
    found = denoise(normal(), LEVEL)
    assert torch.allclose(found, negative + 7.5 * (positive - negative), atol=1e-5)
    assert not torch.allclose(found, positive + 7.5 * (negative - positive), atol=1e-2)


def test_guidance_of_scale_1_is_the_positive_answer_and_of_0_the_negative() -> None:
    positive, negative = normal(seed=1), normal(seed=2)
    assert torch.equal(cfg(answers(positive, negative), 1)(normal(), LEVEL), positive)
    assert torch.allclose(cfg(answers(positive, negative), 0)(normal(), LEVEL), negative, atol=1e-6)


@pytest.mark.parametrize("prediction", [NOISE, VELOCITY])
def test_guiding_clean_latents_is_guiding_outputs(prediction: Prediction) -> None:
    x, outputs = normal(), normal((2, *SHAPE), 5)
    guided = cfg(predictor(lambda x, t: outputs, prediction), 4.0)(x, LEVEL)
    output = outputs[1] + 4.0 * (outputs[0] - outputs[1])
    assert torch.allclose(guided, prediction.clean(output, x, LEVEL), atol=1e-4)


def test_plain_takes_the_only_answer() -> None:
    positive = normal(seed=1)
    assert torch.equal(plain(answers(positive))(normal(), LEVEL), positive)


@pytest.mark.parametrize(
    ("make", "count"), [(plain, 2), (lambda p: cfg(p, 2.0), 1), (lambda p: cfg(p, 2.0), 3)]
)
def test_a_wrong_number_of_answers_is_refused(make: object, count: int) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="unpack"):
        make(answers(*[normal()] * count))(normal(), LEVEL)
