"""From a network call to a Predictor, and from a Predictor to a guided Denoiser."""

import pytest
import torch
from torch import Tensor

from diffusion.toys import PATH, SHAPE, normal
from mezzotint.diffusion.denoise import (
    NEGATIVE,
    POSITIVE,
    Denoiser,
    Predictor,
    Question,
    Reply,
    Request,
    always,
    asker,
    predictor,
)
from mezzotint.diffusion.guidance.cfg import cfg, plain
from mezzotint.diffusion.guidance.guide import constant, guided
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


def paired(predict: Predictor, scale: float) -> Denoiser:
    return guided(always(predict, (POSITIVE, NEGATIVE)), [cfg(constant(scale))])


def test_guidance_closed_form() -> None:
    positive, negative = normal(seed=1), normal(seed=2)
    found = paired(answers(positive, negative), 7.5)(normal(), LEVEL)
    assert torch.allclose(found, negative + 7.5 * (positive - negative), atol=1e-5)
    assert not torch.allclose(found, positive + 7.5 * (negative - positive), atol=1e-2)


def test_guidance_of_scale_1_is_the_positive_answer_and_of_0_the_negative() -> None:
    positive, negative = normal(seed=1), normal(seed=2)
    assert torch.equal(paired(answers(positive, negative), 1)(normal(), LEVEL), positive)
    assert torch.allclose(paired(answers(positive, negative), 0)(normal(), LEVEL), negative, atol=1e-6)


@pytest.mark.parametrize("prediction", [NOISE, VELOCITY])
def test_guiding_clean_latents_is_guiding_outputs(prediction: Prediction) -> None:
    x, outputs = normal(), normal((2, *SHAPE), 5)
    found = paired(predictor(lambda x, t: outputs, prediction), 4.0)(x, LEVEL)
    output = outputs[1] + 4.0 * (outputs[0] - outputs[1])
    assert torch.allclose(found, prediction.clean(output, x, LEVEL), atol=1e-4)


def test_plain_takes_the_only_answer() -> None:
    positive = normal(seed=1)
    assert torch.equal(plain(answers(positive))(normal(), LEVEL), positive)


@pytest.mark.parametrize(
    ("make", "count"), [(plain, 2), (lambda p: paired(p, 2.0), 1), (lambda p: paired(p, 2.0), 3)]
)
def test_a_wrong_number_of_answers_is_refused(make: object, count: int) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match="zip"):
        make(answers(*[normal()] * count))(normal(), LEVEL)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS.keys())
def test_an_asker_makes_one_call_for_what_is_touched_alike(prediction: Prediction) -> None:
    touched = Question("positive", "pag")
    seen: list[Request] = []

    def call(x: Tensor, t: Tensor, request: Request) -> Reply:
        seen.append(request)
        outputs = torch.stack([(k + len(request.touch) + 1) * x for k, _ in enumerate(request.texts)])
        return Reply(outputs.bfloat16(), {"mid": t + torch.arange(len(request.texts))[:, None]})

    x = normal()
    found = asker(call, prediction)(x, LEVEL, (POSITIVE, touched, NEGATIVE))
    assert [(request.texts, request.touch) for request in seen] == [
        (("positive", "negative"), ""),
        (("positive",), "pag"),
    ]
    assert all(request.level is LEVEL for request in seen)
    scaled = prediction.scale_in(x, LEVEL)
    for question, factor in ((POSITIVE, 1), (NEGATIVE, 2), (touched, 4)):
        output = (factor * scaled).bfloat16().to(x)
        assert torch.equal(found.clean[question], prediction.clean(output, x, LEVEL))
    assert torch.equal(found.taps[NEGATIVE]["mid"], found.taps[POSITIVE]["mid"] + 1)
    assert found.x is x
    assert found.level is LEVEL
