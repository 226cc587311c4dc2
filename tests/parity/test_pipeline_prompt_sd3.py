"""End to end: an IP-Adapter of SD 3 in diffusers' own pipeline, on the same weights and noise, gives our picture."""

import warnings

import pytest
import torch
from PIL import Image, ImageDraw

from engine.followers import SIGHT, joint_prompt_file
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from parity.test_nets_siglip import reference
from parity.test_pipeline_control import OTHER, read, same
from parity.test_pipeline_control_sd3 import GUIDANCE, HEIGHT, STEPS, WIDTH, drawn
from parity.test_pipeline_sd3 import FAMILIES, psnr

KINDS = ("sd3-medium", "sd3.5-medium", "without T5")
"""Without norms, with second attentions, and with norms alone, as the published one is made for."""


@pytest.fixture(scope="module", params=KINDS)
def files(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompt3")
    family = FAMILIES[request.param]
    export_diffusers(toy.make(family), folder / "sd3")
    joint_prompt_file(folder / "ip.safetensors", family.denoiser, diffusers=request.param == "sd3.5-medium")
    photo = Image.new("RGB", (48, 30), (250, 240, 200))
    ImageDraw.Draw(photo).ellipse((6, 4, 34, 26), fill=(200, 30, 40))
    photo.save(folder / "photo.png")
    photo.rotate(90, expand=True).point(lambda level: 255 - level).save(folder / "other.png")
    return folder


def pipeline(files):
    """Their pipeline with the image prompt loaded, as people load it."""
    from diffusers import StableDiffusion3Pipeline
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    tower = reference(SIGHT)
    weights = read(files / "image_encoder" / "model.safetensors")
    missing, unexpected = tower.load_state_dict(
        {name.removeprefix("vision_model."): t for name, t in weights.items()}, strict=False
    )
    assert not unexpected and all(name.startswith(("post_layernorm.", "head.")) for name in missing)
    absent = (
        {} if (files / "sd3" / "text_encoder_3").is_dir() else {"text_encoder_3": None, "tokenizer_3": None}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        size = {"height": SIGHT.side, "width": SIGHT.side}
        pipe = StableDiffusion3Pipeline.from_pretrained(
            files / "sd3",
            image_encoder=tower,
            feature_extractor=SiglipImageProcessorPil(size=size),
            local_files_only=True,
            **absent,
        )
        pipe.load_ip_adapter(str(files), weight_name="ip.safetensors", low_cpu_mem_usage=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def theirs(files, weight, photo="photo"):
    pipe = pipeline(files)
    pipe.set_ip_adapter_scale(weight)
    with warnings.catch_warnings(), Image.open(files / f"{photo}.png") as shown:
        warnings.simplefilter("ignore")
        made = pipe(
            "a red apple, 3d render",
            negative_prompt="blue",
            ip_adapter_image=shown.convert("RGB"),
            num_inference_steps=STEPS,
            guidance_scale=GUIDANCE,
            width=WIDTH,
            height=HEIGHT,
            generator=torch.Generator().manual_seed(7),
            output_type="np",
        )
    return made.images[0] * 255


@pytest.mark.parametrize("weight", [1.0, 0.6])
def test_an_image_prompt(files, weight):
    reference_ = theirs(files, weight)
    mine = drawn(files, image_prompt=[f"{files / 'ip.safetensors'}:{files / 'photo.png'},weight={weight}"])
    assert same(mine, reference_, drawn(files))
    other = drawn(files, image_prompt=[f"{files / 'ip.safetensors'}:{files / 'other.png'},weight={weight}"])
    assert psnr(other, reference_) < OTHER
