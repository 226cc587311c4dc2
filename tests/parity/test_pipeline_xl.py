"""End to end: an SDXL model, exported to a diffusers folder and drawn by diffusers' own pipeline, gives our picture."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from families.reduced import SMALL_REFINER, SMALL_XL
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Family

PROMPT, STEPS, WIDTH, HEIGHT, GUIDANCE, SEED = "a red apple, 3d render", 5, 24, 16, 4.0, 7


def lettered(family: Family) -> Family:
    """The family with the toy's vocabulary, whose ids are letters, and each encoder's own way to pad."""
    words = toy.TOY.text.vocabulary
    count = toy.TOY.text.geometry.vocab
    parts = tuple(
        replace(
            part,
            vocabulary=words,
            pad=0 if part.pad == 0 else count - 1,
            geometry=replace(part.geometry, vocab=count),
        )
        for part in family.texts
    )
    return replace(family, texts=parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "sdxl"
    export_diffusers(toy.make(lettered(SMALL_XL)), path)
    return path


def theirs(folder: Path, **changes: object) -> np.ndarray:
    """The picture of diffusers' pipeline and Euler scheduler, float32 on the CPU, `H W 3` in 0..255."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

        pipe = StableDiffusionXLPipeline.from_pretrained(folder, local_files_only=True, add_watermarker=False)
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
        pipe.set_progress_bar_config(disable=True)
        given = {
            "prompt": PROMPT,
            "num_inference_steps": STEPS,
            "guidance_scale": GUIDANCE,
            "width": WIDTH,
            "height": HEIGHT,
            "generator": torch.Generator().manual_seed(SEED),
            "output_type": "np",
        }
        return pipe(**(given | changes)).images[0] * 255


def ours(folder: Path, negative: str = "") -> np.ndarray:
    recipe = compose(
        PROMPT,
        negative=negative,
        model=str(folder),
        sampler="euler",
        spacing="leading",
        steps=STEPS,
        guidance=GUIDANCE,
        seed=SEED,
        width=WIDTH,
        height=HEIGHT,
    )
    return np.asarray(draw(Engine("cpu", 1), recipe).image, dtype=float)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-12, np.square(a - b).mean())))


@pytest.mark.parametrize("negative", ["", "blue"])
def test_diffusers_draws_the_same_picture(folder: Path, negative: str) -> None:
    """An empty negative prompt is none for them: all zeros."""
    mine = ours(folder, negative)
    assert mine.std() > 5
    reference = theirs(folder, negative_prompt=negative or None)
    assert psnr(mine, reference) >= 50
    assert np.abs(mine - reference).max() <= 1


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a red pear"},
        {"negative_prompt": ""},
        {"original_size": (32, 24)},
        {"crops_coords_top_left": (4, 0)},
        {"target_size": (24, 16)},
        {"clip_skip": 1},
    ],
    ids=str,
)
def test_every_input_is_seen(folder: Path, change: dict[str, object]) -> None:
    """The negative control: one thing changed on their side alone."""
    assert psnr(ours(folder), theirs(folder, **change)) < 50


def test_the_refiner_steers_as_its_pipeline_does(tmp_path: Path) -> None:
    """Its text states, pooled text and numbers, against those that the published pipeline makes."""
    model = toy.make(lettered(SMALL_REFINER))
    export_diffusers(model, tmp_path / "refiner")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import StableDiffusionXLImg2ImgPipeline

        pipe = StableDiffusionXLImg2ImgPipeline.from_pretrained(
            tmp_path / "refiner", local_files_only=True, add_watermarker=False
        )
        made = pipe.encode_prompt(PROMPT, do_classifier_free_guidance=True)
        sizes = ((HEIGHT, WIDTH), (0, 0), (HEIGHT, WIDTH))
        numbers = pipe._get_add_time_ids(*sizes, 6.0, 2.5, *sizes, torch.float32, 48)
    from mezzotint.families.conditions import Asked

    with torch.inference_mode():
        asked = [Asked(PROMPT, WIDTH, HEIGHT), Asked("", WIDTH, HEIGHT, negative=True)]
        positive, negative = (model.conditioning(a, None, torch.device("cpu")) for a in asked)
    for mine, tokens, pooled, theirs_numbers in (
        (positive, made[0], made[2], numbers[0]),
        (negative, made[1], made[3], numbers[1]),
    ):
        assert (mine.tokens - tokens).abs().max() <= 1e-5 * tokens.abs().max()
        assert mine.pooled is not None and mine.numbers is not None
        assert (mine.pooled - pooled).abs().max() <= 1e-5 * pooled.abs().max()
        assert torch.equal(mine.numbers, theirs_numbers)
    assert (positive.tokens - negative.tokens).abs().max() > 1e-3
