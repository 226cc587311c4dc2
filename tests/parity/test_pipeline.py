"""End to end: a model written as a diffusers folder and drawn by diffusers gives our picture."""

import warnings

import numpy as np
import pytest
import torch

from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.store.convert import convert

PROMPT, NEGATIVE, STEPS, SIDE, GUIDANCE, SEED = "a red apple, 3d render", "blue", 6, 64, 3.0, 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "toy"
    convert("toy", path)
    return path


def theirs(folder, **changes):
    """The picture of diffusers' own pipeline and Euler scheduler, float32 on the CPU, `H W 3` in 0..255."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline

        pipe = StableDiffusionPipeline.from_pretrained(
            folder, safety_checker=None, requires_safety_checker=False, local_files_only=True
        )
        pipe.scheduler = EulerDiscreteScheduler.from_config(
            pipe.scheduler.config, timestep_spacing=changes.get("spacing", "leading"), steps_offset=1
        )
        pipe.set_progress_bar_config(disable=True)
        image = pipe(
            changes.get("prompt", PROMPT),
            negative_prompt=NEGATIVE,
            num_inference_steps=STEPS,
            guidance_scale=changes.get("guidance", GUIDANCE),
            width=SIDE,
            height=SIDE,
            generator=torch.Generator().manual_seed(SEED),
            output_type="np",
        ).images[0]
    return (image * 255).round().astype(int)


def ours(model, **changes):
    recipe = compose(
        PROMPT,
        negative=NEGATIVE,
        model=str(model),
        sampler="euler",
        spacing=changes.get("spacing", "leading"),
        steps=STEPS,
        guidance=GUIDANCE,
        seed=SEED,
        width=SIDE,
        height=SIDE,
    )
    return np.asarray(draw(Engine("cpu", 1), recipe).image, dtype=int)


@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_diffusers_draws_the_same_picture_from_the_written_folder(folder, spacing):
    mine = ours("toy", spacing=spacing)
    assert mine.std() > 5
    assert np.abs(mine - theirs(folder, spacing=spacing)).max() <= 1


def test_the_written_folder_opened_again_draws_the_same_picture(folder):
    assert np.array_equal(ours("toy"), ours(folder))


@pytest.mark.parametrize(
    "change", [{"prompt": "a red pear"}, {"guidance": 2.9}, {"spacing": "trailing"}], ids=str
)
def test_another_prompt_guidance_or_spacing_is_seen(folder, change):
    """The negative control: one thing changed on their side alone is more than one level."""
    assert np.abs(ours("toy") - theirs(folder, **change)).max() > 1
