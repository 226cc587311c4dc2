"""End to end: a ControlNet for several kinds of hints, in diffusers' own pipeline for it, gives our picture."""

import warnings

import pytest
from PIL import Image, ImageDraw

from engine.followers import union_file
from families.reduced import SMALL_XL
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.nets.control_union import UnionGeometry
from mezzotint.nets.controlnet import ControlNetGeometry
from parity.test_nets_control_union import reference
from parity.test_pipeline_control import GIVEN, euler, hint_of_xl, loaded, ours, picture, quiet, same
from parity.test_pipeline_xl import lettered

FAMILY = lettered(SMALL_XL)
UNION = UnionGeometry(ControlNetGeometry(FAMILY.denoiser, hint_of_xl()), waves=FAMILY.denoiser.added.waves)
SIZE = {"width": 24, "height": 16}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("union")
    export_diffusers(toy.make(FAMILY), folder / "xl")
    union_file(folder / "union.safetensors", UNION)
    photo = Image.new("RGB", (24, 16), (250, 240, 200))
    ImageDraw.Draw(photo).ellipse((3, 3, 18, 12), fill=(200, 30, 40))
    photo.save(folder / "photo.png")
    photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "turned.png")
    return folder


def theirs(files, **given):
    import torch
    from diffusers import StableDiffusionXLControlNetUnionPipeline

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipe = StableDiffusionXLControlNetUnionPipeline.from_pretrained(
            files / "xl",
            controlnet=loaded(reference(UNION), files / "union.safetensors"),
            local_files_only=True,
            add_watermarker=False,
        )
        quiet(pipe, euler(pipe))
        made = pipe(**(GIVEN | SIZE | given), generator=torch.Generator().manual_seed(7), output_type="np")
    return made.images[0] * 255


def control(files, picture, said):
    return f"{files / 'union.safetensors'}:image={files / picture}.png,{said}"


@pytest.mark.parametrize(
    ("kind", "number", "said", "given"),
    [
        ("canny", 3, "", {}),
        (
            "soft-edge",
            2,
            ",weight=2,start=0.2,stop=0.9",
            {
                "controlnet_conditioning_scale": 2.0,
                "control_guidance_start": 0.2,
                "control_guidance_end": 0.9,
            },
        ),
    ],
)
def test_one_hint(files, kind, number, said, given):
    given = {"controlnet_conditioning_scale": 1.0} | given
    expected = theirs(files, control_image=[picture(files / "photo.png")], control_mode=[number], **given)
    mine = ours(files / "xl", control=[control(files, "photo", f"shows={kind}{said}")], **SIZE)
    assert same(mine, expected, ours(files / "xl", **SIZE))


def test_two_hints_in_one_network(files):
    shown = [picture(files / "photo.png"), picture(files / "turned.png")]
    expected = theirs(
        files, control_image=shown, control_mode=[0, 1], controlnet_conditioning_scale=[0.9, 0.6]
    )
    one = control(files, "photo", "shows=openpose,weight=0.9")
    other = control(files, "turned", "shows=depth,weight=0.6")
    mine = ours(files / "xl", control=[one, other], **SIZE)
    assert same(mine, expected, ours(files / "xl", control=[one], **SIZE))
