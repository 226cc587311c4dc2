"""End to end: guides that touch the network's inside, drawn by diffusers' own pipelines from our exported folders."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from parity.test_pipeline_sd3 import FAMILIES, psnr

PROMPT, NEGATIVE, SEED, SIDE = "a red apple, 3d render", "blue", 7, 64
LEAST = 20
"""The standard deviation, of 255, that a reference picture has at least: grey ones would be equal anyway."""


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "toy"
    export_diffusers(toy.make(), path)
    return path


@pytest.fixture(scope="module")
def joint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "sd3"
    export_diffusers(toy.make(FAMILIES["sd3.5-medium"]), path)
    return path


def theirs(pipe: Any, **given: object) -> np.ndarray:
    """The picture of a pipeline of diffusers, float32 on the CPU, `H W 3` in 0..255."""
    pipe.set_progress_bar_config(disable=True)
    asked = {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "width": SIDE,
        "height": SIDE,
        "generator": torch.Generator().manual_seed(SEED),
        "output_type": "np",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pipe(**(asked | given)).images[0] * 255


def ours(folder: Path, **given: Any) -> np.ndarray:
    recipe = compose(
        PROMPT, negative=NEGATIVE, model=str(folder), seed=SEED, width=SIDE, height=SIDE, **given
    )
    return np.asarray(draw(Engine("cpu", 1), recipe).image, dtype=float)


def opened(folder: Path, find: Callable[[], tuple[Any, dict[str, Any]]]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kind, given = find()
        return kind.from_pretrained(folder, local_files_only=True, **given)


def pag_pipeline(layers: list[str]) -> tuple[Any, dict[str, Any]]:
    from diffusers import StableDiffusionPAGPipeline

    return StableDiffusionPAGPipeline, {
        "safety_checker": None, "requires_safety_checker": False, "pag_applied_layers": layers,
    }  # fmt: skip


def sag_pipeline() -> tuple[Any, dict[str, Any]]:
    from diffusers.pipelines.deprecated.stable_diffusion_sag.pipeline_stable_diffusion_sag import (
        StableDiffusionSAGPipeline,
    )

    return StableDiffusionSAGPipeline, {"safety_checker": None, "requires_safety_checker": False}


def sd3_pipeline() -> tuple[Any, dict[str, Any]]:
    from diffusers import StableDiffusion3Pipeline

    return StableDiffusion3Pipeline, {}


def must_be_equal(mine: np.ndarray, reference: np.ndarray, unguided: np.ndarray) -> None:
    """`unguided` is the reference without the guide: far away, or the comparison says nothing."""
    assert reference.std() >= LEAST
    assert psnr(mine, reference) >= 50 and np.abs(mine - reference).max() <= 1
    assert psnr(mine, unguided) < 30


DDIM = {"sampler": "ddim", "spacing": "leading", "steps": 8}


def with_ddim(pipe: Any) -> Any:
    from diffusers import DDIMScheduler

    pipe.scheduler = DDIMScheduler.from_config(
        pipe.scheduler.config,
        timestep_spacing="leading",
        steps_offset=1,
        set_alpha_to_one=True,
        clip_sample=False,
    )
    return pipe


@pytest.mark.parametrize("guidance", [1.0, 3.0])
@pytest.mark.parametrize(
    ("layers", "guide"), [(["mid"], "pag:6"), (["down_blocks.0", "mid"], "pag:6,down.0+mid")]
)
def test_pag(toys: Path, layers: list[str], guide: str, guidance: float) -> None:
    pipe = with_ddim(opened(toys, lambda: pag_pipeline(layers)))
    asked = {"num_inference_steps": 8, "guidance_scale": guidance}
    reference, unguided = (theirs(pipe, **asked, pag_scale=scale) for scale in (6.0, 0.0))
    must_be_equal(ours(toys, **DDIM, guidance=guidance, guide=[guide]), reference, unguided)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_sag(toys: Path, guidance: float) -> None:
    pipe = with_ddim(opened(toys, sag_pipeline))
    asked = {"num_inference_steps": 8, "guidance_scale": guidance}
    reference, unguided = (theirs(pipe, **asked, sag_scale=scale) for scale in (6.0, 0.0))
    must_be_equal(ours(toys, **DDIM, guidance=guidance, guide=["sag:6"]), reference, unguided)


@pytest.mark.parametrize(("steps", "stop"), [(10, 0.2), (6, 0.5), (25, 0.28)])
def test_skip_layers(joint: Path, steps: int, stop: float) -> None:
    """The step at `stop` of all steps is the first without it, as far as the product is exact (0.28 of 25 is above 7).

    Half a step more or less on their side alone is another picture in one direction, and the same in the other.
    """
    pipe = opened(joint, sd3_pipeline)
    asked: dict[str, Any] = {"num_inference_steps": steps, "guidance_scale": 4.0}
    skipping = asked | {"skip_guidance_layers": [1], "skip_layer_guidance_scale": 9.0}
    reference = theirs(pipe, **skipping, skip_layer_guidance_stop=stop)
    mine = ours(joint, steps=steps, guidance=4.0, guide=[f"skip-layers:9,1,stop={stop}"])
    must_be_equal(mine, reference, theirs(pipe, **asked))
    beside = [theirs(pipe, **skipping, skip_layer_guidance_stop=stop + more / steps) for more in (-0.5, 0.5)]
    assert sorted(psnr(mine, other) >= 50 for other in beside) == [False, True]
