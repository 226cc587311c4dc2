"""End to end: control in diffusers' own pipelines, on the same random weights and noise, gives our picture."""

import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.followers import TOWER, adapter_file, controlnet_file, face_file, image_prompt_file
from families.reduced import SMALL_XL
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.toy import TOY
from mezzotint.store.convert import convert
from mezzotint.weights.files import open_tensors
from parity.test_nets_controlnet import reference
from parity.test_pipeline_xl import lettered, psnr

GIVEN = {
    "prompt": "a red apple, 3d render",
    "negative_prompt": "blue",
    "num_inference_steps": 6,
    "guidance_scale": 3.0,
    "width": 64,
    "height": 64,
}
SAME, OTHER, CONTRAST = 50, 30, 20
"""PSNR in dB: at least of one picture, and below it of different ones; the least deviation, in levels, that tells."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("control")
    convert("toy", folder / "toy")
    controlnet_file(folder / "net.safetensors")
    controlnet_file(folder / "other.safetensors", salt="other")
    adapter_file(folder / "adapter.safetensors")
    image_prompt_file(folder / "ip.safetensors")
    (folder / "plus").mkdir()
    image_prompt_file(folder / "plus" / "ip.safetensors", plus=True)
    (folder / "full-face").mkdir()
    face_file(folder / "full-face" / "ip.safetensors")
    export_diffusers(toy.make(lettered(SMALL_XL)), folder / "xl")
    controlnet_file(folder / "xl.safetensors", lettered(SMALL_XL).denoiser, hint=hint_of_xl())
    for side in (64, 24):
        photo = Image.new("RGB", (side, side * 2 // 3 if side == 24 else side), (250, 240, 200))
        ImageDraw.Draw(photo).ellipse((side // 8, side // 8, side * 3 // 4, side // 2), fill=(200, 30, 40))
        photo.save(folder / f"photo{side}.png")
    return folder


def picture(path):
    with Image.open(path) as opened:
        return opened.convert("RGB")


def hint_of_xl():
    """Widths that halve as often as the autoencoder does."""
    return (4, 8, 12, 16)[: SMALL_XL.latent.factor.bit_length()]


def quiet(pipe, scheduler):
    pipe.scheduler = scheduler
    pipe.set_progress_bar_config(disable=True)
    return pipe


def euler(pipe):
    from diffusers import EulerDiscreteScheduler

    return EulerDiscreteScheduler.from_config(
        pipe.scheduler.config, timestep_spacing="leading", steps_offset=1
    )


def theirs(pipe, **given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = pipe(**(GIVEN | given), generator=torch.Generator().manual_seed(7), output_type="np")
    return made.images[0] * 255


def ours(model, **wishes):
    wishes = {"width": 64, "height": 64, "steps": 6, "guidance": 3.0, **wishes}
    recipe = compose(
        GIVEN["prompt"],
        negative="blue",
        model=str(model),
        sampler="euler",
        spacing="leading",
        seed=7,
        **wishes,
    )
    return np.asarray(draw(Engine("cpu", 1), recipe).image, dtype=float)


def loaded(net, path):
    net.load_state_dict(read(path))
    return net.eval()


def read(path):
    source = open_tensors(path)
    return {name: source.tensor(name).clone() for name in source}


def controlled(files, *names):
    from diffusers import StableDiffusionControlNetPipeline

    nets = [loaded(reference(TOY.denoiser), files / f"{name}.safetensors") for name in names]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = StableDiffusionControlNetPipeline.from_pretrained(
            files / "toy",
            controlnet=nets if len(nets) > 1 else nets[0],
            safety_checker=None,
            requires_safety_checker=False,
            local_files_only=True,
        )
    return quiet(pipe, euler(pipe))


def same(mine, reference, without):
    """Whether ours is the reference, and not what is drawn `without` control; the figures are printed."""
    alike, unlike, contrast = psnr(mine, reference), psnr(without, reference), reference.std()
    print(f"std {contrast:.1f}, same {alike:.1f} dB, without {unlike:.1f} dB")
    return contrast >= CONTRAST and alike >= SAME and unlike < OTHER


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("", {}),
        (",weight=0.7", {"controlnet_conditioning_scale": 0.7}),
        (
            ",weight=2,start=0.2,stop=0.9",
            {
                "controlnet_conditioning_scale": 2.0,
                "control_guidance_start": 0.2,
                "control_guidance_end": 0.9,
            },
        ),
        (",mode=control", {"guess_mode": True}),
    ],
    ids=["plain", "weight", "part of the way", "guess mode"],
)
def test_one_controlnet(files, said, given):
    photo = files / "photo64.png"
    reference = theirs(controlled(files, "net"), image=picture(photo), **given)
    mine = ours("toy", control=[f"{files / 'net.safetensors'}:image={photo}{said}"])
    assert same(mine, reference, ours("toy"))


def test_two_controlnets(files):
    photo = files / "photo64.png"
    shown = [picture(photo), picture(photo).transpose(Image.Transpose.ROTATE_90)]
    shown[1].save(files / "turned.png")
    pipe = controlled(files, "net", "other")
    reference = theirs(pipe, image=shown, controlnet_conditioning_scale=[0.8, 0.6])
    one = f"{files / 'net.safetensors'}:image={photo},weight=0.8"
    other = f"{files / 'other.safetensors'}:image={files / 'turned.png'},weight=0.6"
    mine = ours("toy", control=[one, other])
    assert same(mine, reference, ours("toy", control=[one]))


def test_a_t2i_adapter(files):
    from diffusers import StableDiffusionAdapterPipeline, T2IAdapter

    net = T2IAdapter(3, list(TOY.denoiser.channels), 2, 8, "full_adapter")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = StableDiffusionAdapterPipeline.from_pretrained(
            files / "toy",
            adapter=loaded(net, files / "adapter.safetensors"),
            safety_checker=None,
            requires_safety_checker=False,
            local_files_only=True,
        )
    photo = files / "photo64.png"
    reference = theirs(quiet(pipe, euler(pipe)), image=picture(photo), adapter_conditioning_scale=0.9)
    mine = ours("toy", control=[f"{files / 'adapter.safetensors'}:image={photo},weight=0.9"])
    assert same(mine, reference, ours("toy"))


@pytest.mark.parametrize("kind", [".", "plus", "full-face"])
def test_an_ip_adapter(files, kind):
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    t = TOWER
    config = CLIPVisionConfig(
        hidden_size=t.width,
        intermediate_size=t.hidden,
        num_hidden_layers=t.layers,
        num_attention_heads=t.heads,
        image_size=t.side,
        patch_size=t.patch,
        hidden_act=t.activation,
        projection_dim=t.projection,
    )
    folder = files / kind
    tower = CLIPVisionModelWithProjection(config)
    tower.load_state_dict(read(folder / "image_encoder" / "model.safetensors"), strict=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = StableDiffusionPipeline.from_pretrained(
            files / "toy", safety_checker=None, requires_safety_checker=False, local_files_only=True
        )
        parts = {"image_proj": {}, "ip_adapter": {}}
        for name, tensor in read(folder / "ip.safetensors").items():
            part, rest = name.split(".", 1)
            parts[part][rest] = tensor
        pipe.unet._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
        size = {"size": {"shortest_edge": t.side}, "crop_size": {"height": t.side, "width": t.side}}
        pipe.register_modules(image_encoder=tower.eval(), feature_extractor=CLIPImageProcessor(**size))
        pipe.set_ip_adapter_scale(0.8)
    photo = files / "photo64.png"
    reference = theirs(quiet(pipe, euler(pipe)), ip_adapter_image=picture(photo))
    mine = ours("toy", image_prompt=[f"{folder / 'ip.safetensors'}:{photo},weight=0.8"])
    assert same(mine, reference, ours("toy"))


def test_a_controlnet_of_sdxl(files):
    from diffusers import StableDiffusionXLControlNetPipeline

    net = loaded(reference(lettered(SMALL_XL).denoiser, hint_of_xl()), files / "xl.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = StableDiffusionXLControlNetPipeline.from_pretrained(
            files / "xl", controlnet=net, local_files_only=True, add_watermarker=False
        )
    photo, size = files / "photo24.png", {"width": 24, "height": 16}
    # Its pipeline lets a ControlNet work at 0.5 unless told otherwise.
    reference_ = theirs(
        quiet(pipe, euler(pipe)), image=picture(photo), controlnet_conditioning_scale=1.0, **size
    )
    mine = ours(files / "xl", control=[f"{files / 'xl.safetensors'}:image={photo}"], **size)
    assert same(mine, reference_, ours(files / "xl", **size))
