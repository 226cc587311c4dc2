"""Pictures from pictures, end to end: models written as diffusers folders and drawn by diffusers' pipelines.

Same random weights, same picture, same noise. Their pipelines draw the latent of a picture at random from what the
autoencoder says; here they take its mean, as we do. Masks are aligned to 8 pixels, as theirs are made small by picking
pixels and ours by keeping whole latent pixels. PSNR is at least 50 dB where the reference has a standard deviation of
20 levels or more, and with the picture or the mask changed on their side alone it is below 30.

Not compared: an ordinary model at strength 1 with a mask, where they begin with noise outside the mask as well, and we
with the noised picture.
"""

import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from families.reduced import LETTERS, SMALL_REFINER, SMALL_XL, like
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.sd1 import SD1_INPAINTING
from parity.test_pipeline_sd3 import FAMILIES as SD3
from parity.test_pipeline_xl import lettered, psnr

PROMPT, NEGATIVE, STEPS, WIDTH, HEIGHT, GUIDANCE, SEED = "a red apple, 3d render", "blue", 6, 48, 32, 7.5, 7
MODELS = {
    "plain": LETTERS,
    "inpainting": like(SD1_INPAINTING, LETTERS),
    "xl": lettered(SMALL_XL),
    "refiner": lettered(SMALL_REFINER),
    "sd3": SD3["sd3-medium"],
}
MEAN_OF = (
    "stable_diffusion.pipeline_stable_diffusion_img2img",
    "stable_diffusion.pipeline_stable_diffusion_inpaint",
    "stable_diffusion_xl.pipeline_stable_diffusion_xl_img2img",
    "stable_diffusion_xl.pipeline_stable_diffusion_xl_inpaint",
    "stable_diffusion_3.pipeline_stable_diffusion_3_img2img",
)
"""Modules of diffusers that draw the latent of a picture."""
Folders = Callable[[str], Path]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def latents_are_means(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MEAN_OF:
        module = import_module(f"diffusers.pipelines.{name}")
        monkeypatch.setattr(module, "retrieve_latents", lambda said, **_: said.latent_dist.mode())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of each model by its name, written once."""

    @cache
    def written(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name) / "model"
        export_diffusers(toy.make(MODELS[name]), folder)
        return folder

    return written


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    blocks = np.random.default_rng(3).integers(0, 2, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8) * 255
    for name, colours in (("picture", blocks), ("other", 255 - blocks)):
        image = Image.fromarray(colours).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)
        image.save(path.with_name(f"{name}.png"))
    for name, box in (("mask", (8, 8, 32, 24)), ("others_mask", (24, 0, 48, 16))):
        mask = Image.new("L", (WIDTH, HEIGHT), 0)
        mask.paste(255, box)
        mask.save(path.with_name(f"{name}.png"))
    return path


@cache
def pipeline(kind: str, folder: Path, *, euler: bool = True) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        more: dict[str, Any] = {"safety_checker": None} if kind.startswith("StableDiffusionI") else {}
        pipe = getattr(diffusers, kind).from_pretrained(folder, local_files_only=True, **more)
    if euler:
        pipe.scheduler = diffusers.EulerDiscreteScheduler.from_config(
            pipe.scheduler.config, timestep_spacing="leading", steps_offset=1
        )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def theirs(pipe: Any, **given: Any) -> np.ndarray:
    """What a pipeline draws, H W 3 in 0..255."""
    plain = {
        "prompt": PROMPT,
        "negative_prompt": NEGATIVE,
        "num_inference_steps": STEPS,
        "guidance_scale": GUIDANCE,
        "generator": torch.Generator().manual_seed(SEED),
        "output_type": "np",
    }
    return pipe(**(plain | given)).images[0] * 255


def ours(folder: Path, **wishes: Any) -> np.ndarray:
    plain = {
        "negative": NEGATIVE,
        "model": str(folder),
        "sampler": "euler",
        "spacing": "leading",
        "steps": STEPS,
        "guidance": GUIDANCE,
        "seed": SEED,
        "width": WIDTH,
        "height": HEIGHT,
    }
    return np.asarray(draw(Engine("cpu", 1), compose(PROMPT, **(plain | wishes))).image, dtype=float)


def check(mine: np.ndarray, reference: np.ndarray, control: np.ndarray) -> None:
    """The picture is theirs, and what they draw with one thing changed is not."""
    assert reference.std() >= 20
    assert psnr(mine, reference) >= 50
    assert psnr(mine, control) < 30


def opened(path: Path, name: str = "picture") -> Image.Image:
    return Image.open(path.with_name(f"{name}.png"))


IMAGE_TO_IMAGE = {
    "plain": "StableDiffusionImg2ImgPipeline",
    "xl": "StableDiffusionXLImg2ImgPipeline",
    "refiner": "StableDiffusionXLImg2ImgPipeline",
}


@pytest.mark.parametrize("strength", [0.2, 0.4, 0.5])
@pytest.mark.parametrize("name", IMAGE_TO_IMAGE)
def test_image_to_image(folders: Folders, picture: Path, name: str, strength: float) -> None:
    """Also at strengths that are no whole number of steps: both walk the whole steps in them."""
    pipe = pipeline(IMAGE_TO_IMAGE[name], folders(name))
    reference, control = (
        theirs(pipe, image=opened(picture, which), strength=strength) for which in ("picture", "other")
    )
    check(ours(folders(name), image=picture, strength=strength), reference, control)


@pytest.mark.parametrize(("strength", "weaker"), [(0.55, 0.4), (0.75, 0.55), (0.99, 0.75), (1.0, 0.99)])
@pytest.mark.parametrize("name", ["plain", "xl"])
def test_image_to_image_that_changes_much(
    folders: Folders, picture: Path, name: str, strength: float, weaker: float
) -> None:
    """The picture hardly shows below so much noise: the control is one step fewer. At 1 theirs is `start=noised`."""
    pipe = pipeline(IMAGE_TO_IMAGE[name], folders(name))
    reference, control = (theirs(pipe, image=opened(picture), strength=share) for share in (strength, weaker))
    check(ours(folders(name), image=picture, strength=strength, start="noised"), reference, control)


@pytest.mark.parametrize("strength", [0.5, 0.75])
def test_image_to_image_of_flow_matching(folders: Folders, picture: Path, strength: float) -> None:
    """At whole numbers of steps: theirs walks the part of a step, too, in this one pipeline."""
    pipe = pipeline("StableDiffusion3Img2ImgPipeline", folders("sd3"), euler=False)
    given = {"strength": strength, "num_inference_steps": 4, "width": WIDTH, "height": HEIGHT}
    reference, control = (
        theirs(pipe, image=opened(picture, which), **given) for which in ("picture", "other")
    )
    mine = ours(folders("sd3"), image=picture, strength=strength, steps=4, spacing="linspace")
    check(mine, reference, control)


@pytest.mark.parametrize("strength", [0.5, 0.75, 0.99])
def test_inpainting_with_an_ordinary_model(folders: Folders, picture: Path, strength: float) -> None:
    pipe = pipeline("StableDiffusionInpaintPipeline", folders("plain"))
    size = {"width": WIDTH, "height": HEIGHT, "strength": strength, "image": opened(picture)}
    reference, control = (
        theirs(pipe, mask_image=opened(picture, m), **size) for m in ("mask", "others_mask")
    )
    mask = picture.with_name("mask.png")
    mine = ours(folders("plain"), image=picture, mask=mask, mask_paste="no", strength=strength)
    check(mine, reference, control)


@pytest.mark.parametrize("changed", ["mask_image", "image"])
@pytest.mark.parametrize("strength", [0.5, 0.75, 1.0])
def test_inpainting_with_a_model_made_for_it(
    folders: Folders, picture: Path, strength: float, changed: str
) -> None:
    pipe = pipeline("StableDiffusionInpaintPipeline", folders("inpainting"))
    given = {"image": opened(picture), "mask_image": opened(picture, "mask")}
    other = {"image": opened(picture, "other"), "mask_image": opened(picture, "others_mask")}
    size = {"width": WIDTH, "height": HEIGHT, "strength": strength}
    reference = theirs(pipe, **given, **size)
    control = theirs(pipe, **(given | {changed: other[changed]}), **size)
    mask = picture.with_name("mask.png")
    mine = ours(folders("inpainting"), image=picture, mask=mask, mask_paste="no", strength=strength)
    check(mine, reference, control)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_refiner_goes_on_where_the_base_model_stopped(folders: Folders, share: float) -> None:
    """The control has a part of the way missing."""
    base = pipeline("StableDiffusionXLPipeline", folders("xl"))
    refiner = pipeline("StableDiffusionXLImg2ImgPipeline", folders("refiner"))

    def both(stop: float, start: float) -> np.ndarray:
        size = {"width": WIDTH, "height": HEIGHT}
        latent = theirs_latent(base, denoising_end=stop, **size)
        return theirs(refiner, image=latent, denoising_start=start)

    then = f"model={folders('refiner')},from={share},unit=time,sampler=euler,spacing=leading,steps={STEPS},"
    mine = ours(folders("xl"), then=[f"{then}guidance={GUIDANCE}"])
    check(mine, both(share, share), both(0.2, share))


def theirs_latent(pipe: Any, **given: Any) -> torch.Tensor:
    return pipe(
        PROMPT,
        negative_prompt=NEGATIVE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator().manual_seed(SEED),
        output_type="latent",
        **given,
    ).images
