"""The noise table, the predictions, the training inputs and the seeded noise against diffusers."""

import pytest
import torch
from diffusers import DDPMScheduler, EulerDiscreteScheduler
from diffusers.training_utils import compute_snr
from diffusers.utils.torch_utils import randn_tensor

from mezzotint.diffusion.noise import SeededNoise
from mezzotint.diffusion.objective import loss
from mezzotint.diffusion.path import Diffused, scaled_linear
from mezzotint.diffusion.prediction import NOISE, VELOCITY
from parity.diffusion_reference import (
    PATH,
    SHAPE,
    THEIR_NUMPY,
    TRAINED,
    double,
    fake_network,
    generator,
    relative,
    start,
)

BOUND = 1e-5
TIMES = torch.tensor([0, 1, 17, 250, 500, 998, 999])


def ddpm() -> DDPMScheduler:
    return DDPMScheduler(**TRAINED)


@pytest.mark.usefixtures(double.__name__)
@THEIR_NUMPY
def test_sigma_table() -> None:
    theirs = EulerDiscreteScheduler(**TRAINED).sigmas[:-1].flip(0)
    assert relative(PATH.sigmas, theirs) <= 1e-12
    assert relative(Diffused(scaled_linear(0.00085, 0.01201, 1000)).sigmas, theirs) > BOUND


@pytest.mark.usefixtures(double.__name__)
@THEIR_NUMPY
def test_time_of_any_sigma() -> None:
    scheduler = EulerDiscreteScheduler(**TRAINED)
    sigmas = torch.linspace(0.001, 15, 400, dtype=torch.float64)
    logs = PATH.sigmas.log().numpy()
    theirs = torch.tensor([float(scheduler._sigma_to_t(s.numpy(), logs)) for s in sigmas])
    assert relative(PATH.t_at(sigmas), theirs) <= 1e-6
    assert relative(PATH.t_at(sigmas * 1.001), theirs) > 1e-4


def noisy() -> tuple[torch.Tensor, torch.Tensor]:
    clean = torch.randn(len(TIMES), *SHAPE[1:], generator=generator(3))
    return clean, torch.randn(clean.shape, generator=generator(4))


def test_training_input() -> None:
    clean, noise = noisy()
    level = PATH.training(TIMES)
    x = clean + level.sigma.to(clean) * noise
    theirs = ddpm().add_noise(clean, noise, TIMES)
    assert relative(NOISE.scale_in(x, level), theirs) <= BOUND
    assert relative(NOISE.scale_in(x, PATH.training(TIMES.clamp(max=990))), theirs) > BOUND


def test_velocity_target() -> None:
    clean, noise = noisy()
    theirs = ddpm().get_velocity(clean, noise, TIMES)
    assert relative(VELOCITY.target(clean, noise, PATH.training(TIMES)), theirs) <= BOUND
    assert relative(NOISE.target(clean, noise, PATH.training(TIMES)), theirs) > BOUND


@pytest.mark.parametrize("min_snr", [None, 5.0])
@pytest.mark.parametrize("prediction", [NOISE, VELOCITY])
def test_loss_is_that_of_the_reference_training_script(prediction: object, min_snr: float | None) -> None:
    """The same draws through diffusers' `add_noise`, `get_velocity` and `compute_snr`, as in its training example."""
    scheduler, clean = ddpm(), start().float().repeat(8, 1, 1, 1)
    draws = generator(5)
    t = torch.randint(1000, (len(clean),), generator=draws)
    noise = torch.randn(clean.shape, generator=draws)
    output = fake_network(scheduler.add_noise(clean, noise, t), t)
    target = noise if prediction is NOISE else scheduler.get_velocity(clean, noise, t)
    errors = ((output - target) ** 2).mean((1, 2, 3))
    if min_snr is not None:
        snr = compute_snr(scheduler, t)
        errors = errors * snr.clamp(max=min_snr) / (snr if prediction is NOISE else snr + 1)
    for which in (NOISE, VELOCITY):
        for gamma in (None, 5.0, 5.1):
            ours = loss(fake_network, clean, which, PATH, generator(5), gamma)
            alike = which is prediction and gamma == min_snr
            assert (relative(ours, errors.mean()) <= BOUND) == alike


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 96, 64), (1, 3, 5)])
def test_initial_noise_is_that_of_a_list_of_generators(shape: tuple[int, int, int]) -> None:
    seeds = [0, 1, 2**63 + 11, 2**64 - 1]
    theirs = randn_tensor(
        (4, *shape), generator=[generator(seed) for seed in seeds], device=torch.device("cpu")
    )
    assert torch.equal(SeededNoise(seeds, shape).initial(), theirs)
    assert not torch.equal(SeededNoise(seeds[::-1], shape).initial(), theirs)


def test_noise_of_steps_goes_on_as_their_generators_do() -> None:
    seeds, shape = [5, 6], (4, 8, 8)
    streams = [generator(seed) for seed in seeds]
    ours = SeededNoise(seeds, shape)
    level = PATH.training(TIMES[:1])
    for draw in (ours.initial(), ours(level, level, "step"), ours(level, level, "step")):
        theirs = randn_tensor((2, *shape), generator=streams, device=torch.device("cpu"))
        assert torch.equal(draw, theirs)
