"""Models trained up to pure noise against diffusers' schedulers with `rescale_betas_zero_snr` and trailing spacing.

In float64 to 1e-10 where both end at abar = 2^-24 (Euler, Euler ancestral, DPM-Solver++); to 2e-6 from DDIM, which is
exact at abar = 0, with a floor of 1e-12.
"""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
)
from torch import Tensor

from mezzotint.diffusion.denoise import predictor
from mezzotint.diffusion.guidance.cfg import plain
from mezzotint.diffusion.path import Diffused, Level, scaled_linear
from mezzotint.diffusion.plan import Plan, make_plan
from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.diffusion.samplers.step import Tuning
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.registry import find
from mezzotint.families.schedules import FLOOR
from mezzotint.families.terminal import ended
from parity.diffusion_reference import (
    SHAPE,
    THEIR_NUMPY,
    TRAINED,
    double,
    fake_network,
    generator,
    reference_states,
    relative,
    start,
)

THEIRS = {
    **TRAINED,
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "prediction_type": "v_prediction",
}
BETAS = scaled_linear(0.00085, 0.012, 1000)
PATH, EXACT = Diffused(BETAS, FLOOR), Diffused(BETAS, 1e-12)
pytestmark = [pytest.mark.usefixtures(double.__name__), THEIR_NUMPY]


def ours(sampler: str, plan: Plan, x: Tensor, eta: float) -> Iterator[Tensor]:
    stream = generator(2)

    def noise(a: Level, b: Level, purpose: str) -> Tensor:
        return torch.randn(SHAPE, generator=stream, dtype=torch.float64)

    denoise = plain(predictor(lambda x, t: fake_network(x, t)[None], VELOCITY))
    return (step.x for step in SAMPLERS[sampler].sample(denoise, x, plan, noise, Tuning(eta=eta)))


def error(mine: Iterator[Tensor], theirs: list[Tensor]) -> float:
    return max(relative(a, b) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("steps", [4, 10, 30])
@pytest.mark.parametrize(
    ("sampler", "scheduler", "eta"),
    [("euler", EulerDiscreteScheduler, 0.0), ("euler_a", EulerAncestralDiscreteScheduler, 1.0)],
)
def test_euler(sampler: str, scheduler: type, eta: float, steps: int) -> None:
    theirs = scheduler(**THEIRS)
    theirs.set_timesteps(steps)
    plan = make_plan(PATH, "trailing", steps)
    sigmas = torch.stack([level.sigma for level in plan.levels])
    assert torch.allclose(sigmas, theirs.sigmas.double(), rtol=1e-6, atol=0)  # theirs passed through float32
    theirs.sigmas = sigmas
    states = list(
        reference_states(
            theirs, start() * sigmas[0], fake_network, **({"generator": generator(2)} if eta else {})
        )
    )
    assert error(ours(sampler, plan, start() * sigmas[0], eta), states) <= 1e-10
    plain_path = make_plan(Diffused(BETAS), "trailing", steps)
    assert error(ours(sampler, plain_path, start() * sigmas[0], eta), states) > 1e-3


@pytest.mark.parametrize("steps", [4, 10, 30])
def test_dpmpp_2m(steps: int) -> None:
    theirs = DPMSolverMultistepScheduler(
        **THEIRS, solver_order=2, lower_order_final=True, final_sigmas_type="zero"
    )
    theirs.set_timesteps(steps)
    plan = make_plan(PATH, "trailing", steps)
    sigmas = torch.stack([level.sigma for level in plan.levels])
    assert torch.allclose(sigmas, theirs.sigmas.double(), rtol=1e-6, atol=0)
    theirs.sigmas = sigmas
    states = list(reference_states(theirs, start(), fake_network))
    in_our_frame = [x * (1 + s**2).sqrt() for x, s in zip(states, sigmas[1:], strict=True)]
    assert error(ours("dpmpp_2m", plan, PATH.begin(start(), plan.levels[0]), 0.0), in_our_frame) <= 1e-10
    assert error(ours("euler", plan, PATH.begin(start(), plan.levels[0]), 0.0), in_our_frame) > 1e-4


@pytest.mark.parametrize("eta", [0.0, 1.0])
@pytest.mark.parametrize("steps", [4, 10, 20])
def test_ddim(steps: int, eta: float) -> None:
    """Theirs begins at abar = 0 itself; the table of ours is theirs up to there.

    Step counts divide 1000: with others their DDIM steps to times beside those that it calls next. The first step keeps
    sigma_1 / sigma_0 of the first noise when eta is 1, which an infinite sigma_0 does not: that much is the floor's.
    """
    theirs = DDIMScheduler(**THEIRS, clip_sample=False, set_alpha_to_one=True)
    theirs.set_timesteps(steps)
    assert float(theirs.alphas_cumprod[-1]) == 0
    mine = 1 / (1 + EXACT.sigmas**2)
    assert torch.allclose(mine[:-1], theirs.alphas_cumprod[:-1].double(), rtol=1e-10, atol=1e-15)
    states = list(reference_states(theirs, start(), fake_network, eta=eta, generator=generator(2)))
    for path, bound in ((EXACT, 2e-6), (PATH, 5e-4)):
        plan = make_plan(path, "trailing", steps)
        bound += eta * 2 * float(plan.levels[1].sigma / plan.levels[0].sigma)
        scales = [(1 + level.sigma**2).sqrt() for level in plan.levels[1:]]
        in_our_frame = [x * scale for x, scale in zip(states, scales, strict=True)]
        assert error(ours("ddim", plan, path.begin(start(), plan.levels[0]), eta), in_our_frame) <= bound


def theirs_drawn(folder: Path, euler: bool, **changes: object) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, local_files_only=True)
        if euler:
            pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, **changes)
        pipe.set_progress_bar_config(disable=True)
        image = pipe(
            "a red apple",
            negative_prompt="blue",
            num_inference_steps=5,
            guidance_scale=3.0,
            width=64,
            height=64,
            generator=torch.Generator().manual_seed(7),
            output_type="np",
        ).images[0]
    return image * 255


def test_an_exported_model_draws_the_same_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the folder as it is (DDIM), and with their Euler; both sides in float32."""
    monkeypatch.undo()
    family = replace(ended(toy.TOY, True), prediction=VELOCITY)
    export_diffusers(toy.make(family), tmp_path / "m")
    located = find(compose("x", model=str(tmp_path / "m")).passes[0].model)
    assert located.family.pure_noise and located.prediction is VELOCITY
    for sampler in ("ddim", "euler"):
        recipe = compose(
            "a red apple",
            negative="blue",
            model=str(tmp_path / "m"),
            sampler=sampler,
            steps=5,
            guidance=3.0,
            seed=7,
            width=64,
            height=64,
        )
        assert recipe.passes[0].spacing == "trailing"
        drawn = np.asarray(draw(Engine("cpu", 1), recipe).image, dtype=float)
        assert np.abs(drawn - theirs_drawn(tmp_path / "m", sampler == "euler")).max() <= 1
    assert drawn.std() > 5
    assert np.abs(drawn - theirs_drawn(tmp_path / "m", True, rescale_betas_zero_snr=False)).max() > 1
