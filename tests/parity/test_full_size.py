"""Stable Diffusion 1.5 at its published size: a diffusers folder of random weights, drawn by both."""

import json
import warnings

import numpy as np
import pytest
import torch

from families.published import manifest
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.text import vocabulary
from mezzotint.text.vocabulary import clip_vocabulary

PROMPT, STEPS, GUIDANCE, SEED = "a red apple, 3d render", 2, 7.5, 7


@pytest.fixture(scope="module")
def pipeline():
    """diffusers' pipeline with seeded random weights in the published geometry, float32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import (
            AutoencoderKL,
            EulerDiscreteScheduler,
            StableDiffusionPipeline,
            UNet2DConditionModel,
        )
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

        configs = manifest("diffusers_sd15")["config"]
        torch.manual_seed(0)
        unet = UNet2DConditionModel.from_config(configs["unet/config.json"])
        vae = AutoencoderKL.from_config(configs["vae/config.json"])
        text = CLIPTextModel(CLIPTextConfig(**configs["text_encoder/config.json"]))
        yield lambda folder: StableDiffusionPipeline(
            vae=vae,
            text_encoder=text,
            tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
            unet=unet,
            scheduler=EulerDiscreteScheduler.from_config(
                configs["scheduler/scheduler_config.json"], timestep_spacing="leading"
            ),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


@pytest.mark.slow
def test_both_draw_one_picture_at_512_pixels(pipeline, tmp_path):
    words = tmp_path / "tokenizer"
    words.mkdir()
    vocabulary.save(clip_vocabulary(), words)
    (words / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    )
    pipe = pipeline(tmp_path)
    folder = tmp_path / "model"
    pipe.save_pretrained(folder, safe_serialization=True)
    pipe.set_progress_bar_config(disable=True)

    def theirs(prompt: str) -> np.ndarray:
        made = pipe(
            prompt, num_inference_steps=STEPS, guidance_scale=GUIDANCE, output_type="np",
            generator=torch.Generator().manual_seed(SEED),
        )  # fmt: skip
        return (made.images[0] * 255).round().astype(int)

    reference = theirs(PROMPT)
    recipe = compose(
        PROMPT,
        model=str(folder),
        sampler="euler",
        spacing="leading",
        steps=STEPS,
        guidance=GUIDANCE,
        seed=SEED,
    )
    assert (recipe.width, recipe.height) == (512, 512)
    mine = np.asarray(draw(Engine("cpu"), recipe).image, dtype=int)
    apart, control = (int(np.abs(mine - other).max()) for other in (reference, theirs("a blue pear")))
    print(f"std {mine.std():.2f}, {apart} levels apart, another prompt {control}")
    assert mine.std() > 5
    assert apart <= 1 < control
