"""End to end: the models that look at a picture, drawn by diffusers' own pipelines from our exported folders.

The same random weights, picture and noise; the last is drawn by their generators from our seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_depth2img as depth2img
import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_instruct_pix2pix import (
    StableDiffusionInstructPix2PixPipeline,
)
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_upscale import (
    StableDiffusionUpscalePipeline,
)
from diffusers.pipelines.stable_diffusion.pipeline_stable_unclip_img2img import StableUnCLIPImg2ImgPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL import Image

from families.reduced import FAMILIES
from mezzotint.diffusion.noise import seed_for
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Model
from mezzotint.nets.augmentor import AugmentorGeometry
from parity.test_pipeline_xl import psnr

PROMPT, NEGATIVE, SEED, SIDE, STEPS, GUIDANCE = "a red apple, 3d render", "blue", 7, 64, 4, 3.0
LEAST = 20
"""The standard deviation, of 255, that a reference picture has at least: grey ones would be equal anyway."""
FAR = 30
"""The peak signal-to-noise ratio, in dB, that a picture stays below of which something else was shown."""

pytestmark = pytest.mark.filterwarnings("ignore")


def picture(side: int, turned: bool = False) -> Image.Image:
    """Colours that run over a square with a disc in it; or another such picture."""
    down, across = np.mgrid[0:side, 0:side] / side
    disc = (across - 0.4) ** 2 + (down - 0.6) ** 2 < 0.06
    levels = np.stack([across, down * ~disc, 1 - across * down], axis=2) * 255
    image = Image.fromarray(levels.round().astype(np.uint8))
    return Image.fromarray(255 - np.asarray(image)[::-1].transpose(1, 0, 2)) if turned else image


def made(name: str) -> Model:
    """A small model; that of unCLIP with statistics of its own."""
    family = FAMILIES[name]
    if name == "sd2-unclip":
        family = replace(family, pictures={**family.pictures, "augmentor": AugmentorGeometry(24)})
    return toy.make(family)


@dataclass(frozen=True)
class Place:
    """A model's folder, the picture that it is shown, and another one."""

    folder: Path
    shown: Path
    other: Path

    def pipe(self, kind: Any) -> Any:
        """A pipeline of diffusers with Euler's scheduler, float32 on the CPU."""
        pipe = kind.from_pretrained(self.folder, local_files_only=True)
        pipe.scheduler = EulerDiscreteScheduler.from_config(
            pipe.scheduler.config, timestep_spacing="leading", steps_offset=1
        )
        pipe.set_progress_bar_config(disable=True)
        return pipe


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Place]:
    """The place of each model, made once."""

    @cache
    def of(name: str) -> Place:
        base = tmp_path_factory.mktemp(name)
        export_diffusers(made(name), base / "model")
        side = SIDE // FAMILIES[name].enlarges
        for file, turned in (("shown.png", False), ("other.png", True)):
            picture(side, turned).save(base / file)
        return Place(base / "model", base / "shown.png", base / "other.png")

    return of


def ours(place: Place, **given: Any) -> np.ndarray:
    asked = {"sampler": "euler", "spacing": "leading", "steps": STEPS, "guidance": GUIDANCE, "seed": SEED}
    asked |= {"negative": NEGATIVE, "image": place.shown, "model": str(place.folder)}
    return np.asarray(draw(Engine("cpu", 1), compose(PROMPT, **(asked | given))).image, dtype=float)


def theirs(pipe: Any, image: Path, **given: object) -> np.ndarray:
    """The picture of a pipeline of diffusers, `H W 3` in 0..255."""
    asked = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "num_inference_steps": STEPS}
    asked |= {"guidance_scale": GUIDANCE, "generator": generator(SEED), "output_type": "np"}
    return pipe(image=Image.open(image), **(asked | given)).images[0] * 255


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def equal(mine: np.ndarray, reference: np.ndarray) -> bool:
    assert reference.std() >= LEAST and mine.shape == reference.shape
    return psnr(mine, reference) >= 50


@pytest.mark.parametrize("scale", [None, 3.0])
def test_instruct_pix2pix(places: Callable[[str], Place], scale: float | None) -> None:
    place = places("sd1-pix2pix")
    pipe = place.pipe(StableDiffusionInstructPix2PixPipeline)
    size = {"width": SIDE, "height": SIDE}
    mine = ours(place, **size, guide=[] if scale is None else [f"image-cfg:{scale:g}"])
    asked = {"image_guidance_scale": scale or 1.5}
    assert equal(mine, theirs(pipe, place.shown, **asked))
    assert psnr(mine, theirs(pipe, place.other, **asked)) < FAR
    assert psnr(mine, theirs(pipe, place.shown, image_guidance_scale=6.0)) < FAR


@pytest.mark.parametrize("level", [None, 300])
def test_variations_of_a_picture(places: Callable[[str], Place], level: int | None) -> None:
    place = places("sd2-unclip")
    pipe = place.pipe(StableUnCLIPImg2ImgPipeline)
    noise = torch.randn((1, 24), generator=generator(seed_for(SEED, "look")))
    pipe.noise_image_embeddings = partial(pipe.noise_image_embeddings, noise=noise)
    size = {"width": SIDE, "height": SIDE}
    mine = ours(place, noise_level=level, **size)
    asked = {"noise_level": level or 0, **size}
    assert equal(mine, theirs(pipe, place.shown, **asked))
    assert psnr(mine, theirs(pipe, place.other, **asked)) < FAR
    assert psnr(mine, theirs(pipe, place.shown, **(asked | {"noise_level": 600}))) < 50


def test_variations_of_two_pictures(places: Callable[[str], Place]) -> None:
    """Theirs is given the mean of their own embeddings."""
    place = places("sd2-unclip")
    pipe = place.pipe(StableUnCLIPImg2ImgPipeline)
    noise = torch.randn((1, 24), generator=generator(seed_for(SEED, "look")))
    pipe.noise_image_embeddings = partial(pipe.noise_image_embeddings, noise=noise)

    def embedded(image: Path) -> torch.Tensor:
        shown = pipe.feature_extractor(images=Image.open(image), return_tensors="pt").pixel_values
        with torch.no_grad():
            return pipe.image_encoder(shown).image_embeds

    def reference(weight: float) -> np.ndarray:
        mean = (embedded(place.shown) + weight * embedded(place.other)) / (1 + weight)
        asked = {"prompt": PROMPT, "negative_prompt": NEGATIVE, "num_inference_steps": STEPS, "width": SIDE}
        asked |= {
            "height": SIDE,
            "guidance_scale": GUIDANCE,
            "generator": generator(SEED),
            "output_type": "np",
        }
        return pipe(image_embeds=mean, **asked).images[0] * 255

    mine = ours(place, mix=[f"{place.other}:4"], width=SIDE, height=SIDE)
    found = {weight: psnr(mine, reference(weight)) for weight in (0, 2)}
    assert equal(mine, reference(4))
    assert found[0] < FAR and found[2] < 50


@pytest.mark.parametrize("level", [None, 5])
def test_four_times_as_large(places: Callable[[str], Place], level: int | None) -> None:
    place = places("x4-upscaler")
    pipe = place.pipe(StableDiffusionUpscalePipeline)

    def reference(image: Path, **given: object) -> np.ndarray:
        # Their generator draws the noise on the small picture first.
        latents = torch.randn((1, 4, SIDE // 4, SIDE // 4), generator=generator(SEED))
        noise = {"latents": latents, "generator": generator(seed_for(SEED, "look"))}
        return theirs(pipe, image, noise_level=20 if level is None else level, **(noise | given))

    mine = ours(place, noise_level=level)
    assert equal(mine, reference(place.shown))
    assert psnr(mine, reference(place.other)) < FAR
    assert psnr(mine, reference(place.shown, generator=generator(SEED + 1))) < 50


@pytest.mark.parametrize("strength", [None, 0.5])
def test_depth_to_image(
    places: Callable[[str], Place], strength: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Theirs draws a latent from what the autoencoder says, ours takes the mean.
    mean = partial(depth2img.retrieve_latents, sample_mode="argmax")
    monkeypatch.setattr(depth2img, "retrieve_latents", lambda said, generator: mean(said))
    place = places("sd2-depth")
    pipe = place.pipe(depth2img.StableDiffusionDepth2ImgPipeline)
    asked = {"strength": strength or 0.8}
    mine = ours(place, strength=strength, width=SIDE, height=SIDE)
    assert equal(mine, theirs(pipe, place.shown, **asked))
    other_depth = torch.arange(SIDE**2).float().reshape(1, SIDE, SIDE)
    assert psnr(mine, theirs(pipe, place.shown, depth_map=other_depth, **asked)) < FAR
    assert psnr(mine, theirs(pipe, place.other, **asked)) < (FAR if strength else 50)


@pytest.mark.parametrize(("bits", "strength"), [(8, None), (16, None), (16, 0.5)])
def test_depth_that_is_given(
    places: Callable[[str], Place],
    bits: int,
    strength: float | None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    mean = partial(depth2img.retrieve_latents, sample_mode="argmax")
    monkeypatch.setattr(depth2img, "retrieve_latents", lambda said, generator: mean(said))
    place = places("sd2-depth")
    pipe = place.pipe(depth2img.StableDiffusionDepth2ImgPipeline)
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    near = ((np.sin(5 * down) * np.cos(3 * across) + 1) / 2 * (2**bits - 1)).astype(f"uint{bits}")
    Image.fromarray(near).save(tmp_path / "near.png")
    given = torch.tensor(near.astype(np.float32))[None]
    asked = {"strength": strength or 0.8}
    mine = ours(place, strength=strength, width=SIDE, height=SIDE, depth=tmp_path / "near.png")
    assert equal(mine, theirs(pipe, place.shown, depth_map=given, **asked))
    assert psnr(mine, theirs(pipe, place.shown, depth_map=given.flip(2), **asked)) < FAR
    assert psnr(mine, theirs(pipe, place.shown, **asked)) < FAR
