"""End to end: an SD 3 model, exported to a diffusers folder and drawn by diffusers' own pipeline, gives our picture."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from families.reduced import JOINT
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Family, TextPart

PROMPT, STEPS, WIDTH, HEIGHT, GUIDANCE, SEED = "a red apple, 3d render", 4, 48, 32, 4.0, 7


def lettered(family: Family) -> Family:
    """The family with the toy's vocabulary for CLIP, whose ids are letters, and each encoder's own way to pad."""
    words, count = toy.TOY.text.vocabulary, toy.TOY.text.geometry.vocab

    def changed(part: TextPart) -> TextPart:
        geometry = replace(part.geometry, vocab=count)
        return replace(part, vocabulary=words, pad=0 if part.pad == 0 else count - 1, geometry=geometry)

    return replace(family, texts=(*map(changed, family.clips), family.texts[-1]))


FAMILIES = {
    "sd3-medium": lettered(JOINT["sd3-medium"]),
    "sd3.5-medium": lettered(JOINT["sd3.5-medium"]),
    "without T5": replace(lettered(JOINT["sd3.5-large"]), missing=frozenset({"t5"})),
}


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "sd3"
    export_diffusers(toy.make(FAMILIES[request.param]), path)
    return path


def theirs(folder: Path, **changes: object) -> np.ndarray:
    """The picture of diffusers' pipeline, float32 on the CPU, `H W 3` in 0..255."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import StableDiffusion3Pipeline

        absent = {} if (folder / "text_encoder_3").is_dir() else {"text_encoder_3": None, "tokenizer_3": None}
        pipe = StableDiffusion3Pipeline.from_pretrained(folder, local_files_only=True, **absent)
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
        steps=STEPS,
        guidance=GUIDANCE,
        seed=SEED,
        width=WIDTH,
        height=HEIGHT,
    )
    return np.asarray(draw(Engine("cpu", 1), recipe).image, dtype=float)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-12, np.square(a - b).mean())))


def test_diffusers_draws_the_same_picture(folder: Path) -> None:
    mine = ours(folder, "blue")
    assert mine.std() > 5
    reference = theirs(folder, negative_prompt="blue")
    assert psnr(mine, reference) >= 50
    assert np.abs(mine - reference).max() <= 1


CHANGES: list[dict[str, object]] = [
    {"prompt": "a red pear"},
    {"negative_prompt": "red"},
    {"prompt_2": "a pear"},
    {"prompt_3": "a pear"},
    {"max_sequence_length": 77},
    {"clip_skip": 1},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_input_is_seen(change: dict[str, object], tmp_path: Path) -> None:
    """The negative control: one thing changed on their side alone."""
    export_diffusers(toy.make(FAMILIES["sd3-medium"]), tmp_path / "m")
    reference = theirs(tmp_path / "m", **({"negative_prompt": "blue"} | change))
    assert psnr(ours(tmp_path / "m", "blue"), reference) < 50
