"""End to end: ControlNets of SD 3 in diffusers' own pipeline, on the same weights and noise, give our picture."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.followers import joint_control_file
from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.nets.mmdit_control import MMDiTControlGeometry
from mezzotint.weights.files import open_tensors
from parity.test_nets_mmdit_control import reference
from parity.test_pipeline_control import SAME, same
from parity.test_pipeline_sd3 import FAMILIES, psnr

WIDTH, HEIGHT, STEPS, GUIDANCE = 48, 32, 4, 4.0
FAMILY = FAMILIES["sd3-medium"]
NET = replace(FAMILY.denoiser, layers=1)
CONTROLS = {
    "joint": MMDiTControlGeometry(NET, FAMILY.denoiser.layers, zeros=True),
    "without text": MMDiTControlGeometry(NET, FAMILY.denoiser.layers, reads=False),
}
"""In the two published forms: InstantX's, and Stability AI's for SD 3.5 large."""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("control3")
    export_diffusers(toy.make(FAMILY), folder / "sd3")
    for name, geometry in CONTROLS.items():
        joint_control_file(folder / f"{name}.safetensors", geometry)
    joint_control_file(
        folder / "original.safetensors", CONTROLS["without text"], True, control_type=torch.tensor(1.0)
    )
    photo = Image.new("RGB", (WIDTH, HEIGHT), (250, 240, 200))
    ImageDraw.Draw(photo).ellipse((6, 4, 34, 26), fill=(200, 30, 40))
    photo.save(folder / "photo.png")
    return folder


def network(files, form, zeros):
    """diffusers' network with the weights of our file, and what its configuration says of how it is used."""
    net = reference(CONTROLS.get(form, CONTROLS["joint"]))
    source = open_tensors(files / f"{form}.safetensors")
    missing, unexpected = net.load_state_dict(
        {name: source.tensor(name).clone() for name in source}, strict=False
    )
    assert not unexpected and all(name.startswith("pos_embed.") for name in missing)
    if missing:
        net.pos_embed = None
        net.register_to_config(use_pos_embed=False)
    net.register_to_config(force_zeros_for_pooled_projection=zeros)
    return net


def theirs(files, net, monkeypatch, **given):
    """The picture of their pipeline, which draws the latents of a hint with noise of its own; we take their mean."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import StableDiffusion3ControlNetPipeline
        from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

        monkeypatch.setattr(DiagonalGaussianDistribution, "sample", DiagonalGaussianDistribution.mode)
        pipe = StableDiffusion3ControlNetPipeline.from_pretrained(
            files / "sd3", controlnet=net, local_files_only=True
        )
        pipe.set_progress_bar_config(disable=True)
        with Image.open(files / "photo.png") as photo:
            made = pipe(
                "a red apple, 3d render",
                negative_prompt="blue",
                control_image=given.pop("control_image", photo.convert("RGB")),
                num_inference_steps=STEPS,
                guidance_scale=GUIDANCE,
                width=WIDTH,
                height=HEIGHT,
                generator=torch.Generator().manual_seed(7),
                output_type="np",
                **given,
            )
    return made.images[0] * 255


def ours(files, *controls):
    return drawn(files, control=list(controls))


def drawn(files, **wishes):
    """Our picture, H W 3 in levels."""
    recipe = compose(
        "a red apple, 3d render",
        negative="blue",
        model=str(files / "sd3"),
        steps=STEPS,
        guidance=GUIDANCE,
        seed=7,
        width=WIDTH,
        height=HEIGHT,
        **wishes,
    )
    return np.asarray(draw(Engine("cpu", 1), recipe).image, dtype=float)


@pytest.mark.parametrize("form", CONTROLS)
@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("", {}),
        (
            ",weight=0.7,start=0.2,stop=0.8",
            {
                "controlnet_conditioning_scale": 0.7,
                "control_guidance_start": 0.2,
                "control_guidance_end": 0.8,
            },
        ),
    ],
    ids=["plain", "part of the way"],
)
def test_one_controlnet(files, form, said, given, monkeypatch):
    net = network(files, form, zeros=form == "joint")
    mine = ours(files, f"{files / form}.safetensors:image={files / 'photo.png'}{said}")
    assert same(mine, theirs(files, net, monkeypatch, **given), ours(files))


@pytest.mark.parametrize("form", CONTROLS)
def test_the_shift_of_the_hint_and_the_pooled_text_are_seen(files, form, monkeypatch):
    """The negative control: what their configuration says, turned round."""
    net = network(files, form, zeros=form != "joint")
    mine = ours(files, f"{files / form}.safetensors:image={files / 'photo.png'}")
    assert psnr(mine, theirs(files, net, monkeypatch)) < SAME


def test_two_controlnets(files, monkeypatch):
    from diffusers import SD3MultiControlNetModel

    joint_control_file(files / "other.safetensors", CONTROLS["joint"], salt="other")
    nets = [network(files, form, zeros=True) for form in ("joint", "other")]
    with Image.open(files / "photo.png") as photo:
        shown = [photo.convert("RGB"), photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    shown[1].save(files / "turned.png")
    reference_ = theirs(
        files,
        SD3MultiControlNetModel(nets),
        monkeypatch,
        control_image=shown,
        controlnet_conditioning_scale=[0.8, 0.6],
    )
    one = f"{files / 'joint.safetensors'}:image={files / 'photo.png'},weight=0.8"
    other = f"{files / 'other.safetensors'}:image={files / 'turned.png'},weight=0.6"
    assert same(ours(files, one, other), reference_, ours(files, one))


@pytest.mark.parametrize(
    ("file", "said"), [("original", ""), ("without text", ",shows=canny")], ids=["its file", "the recipe"]
)
def test_edges_are_shown_in_levels_of_their_own(files, file, said, monkeypatch):
    """Where its file, or the recipe, says that they are edges; the reference is handed the tensor that the model card
    of Stability AI's network for edges makes."""
    net = network(files, "without text", zeros=False)
    with Image.open(files / "photo.png") as photo:
        levels = torch.tensor(np.asarray(photo.convert("RGB"), dtype=np.float32) / 255)
    edges = (levels * 255 * 0.5 + 0.5).permute(2, 0, 1)[None]
    reference_ = theirs(files, net, monkeypatch, control_image=edges)
    mine = ours(files, f"{files / file}.safetensors:image={files / 'photo.png'}{said}")
    plain = ours(files, f"{files / 'without text'}.safetensors:image={files / 'photo.png'}")
    assert same(mine, reference_, plain)
