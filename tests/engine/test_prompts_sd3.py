"""Image prompts of SD 3 in a run: alone and together, in batches, over tiles and passes, and what is refused."""

from dataclasses import replace

import pytest
import torch

from engine import followers
from engine.followers import SIGHT, image_prompt_file, joint_control_file, joint_prompt_file, pictures
from engine.recipes import draw, pixels, recipe
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.nets.mmdit_control import MMDiTControlGeometry
from mezzotint.values.errors import MezzotintError
from mezzotint.weights.files import open_tensors
from parity.test_pipeline_sd3 import FAMILIES

FAMILY = FAMILIES["sd3.5-medium"]


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompt3")
    export_diffusers(toy.make(FAMILY), folder / "sd3")
    net = FAMILY.denoiser
    joint_prompt_file(folder / "ip.safetensors", net)
    joint_prompt_file(folder / "again.safetensors", net, diffusers=True)
    joint_prompt_file(folder / "other.safetensors", net, salt="other")
    joint_prompt_file(folder / "wide.safetensors", replace(net, width=128, heads=2))
    joint_prompt_file(folder / "deep.safetensors", replace(net, layers=5))
    parts = {"image_proj": {}, "ip_adapter": {}}
    source = open_tensors(folder / "ip.safetensors")
    for name in source:
        part, rest = name.split(".", 1)
        parts[part][rest] = source.tensor(name).clone()
    torch.save(parts, folder / "ip.bin")
    (folder / "unet").mkdir()
    image_prompt_file(folder / "unet" / "ip.safetensors")
    image_prompt_file(folder / "unet" / "plus.safetensors", plus=True)
    geometry = MMDiTControlGeometry(replace(net, layers=2, dual=1), net.layers, zeros=True)
    joint_control_file(folder / "net.safetensors", geometry)
    pictures(folder)
    return folder


def prompt(files, settings="", net="ip.safetensors", picture="photo"):
    return f"{files / net}:{files / picture}.png{settings}"


def wishes(files, **more):
    return {"model": str(files / "sd3"), "width": 48, "height": 48, "steps": 2, **more}


def drawn(engine, files, **more):
    return followers.drawn(engine, **wishes(files, **more))


def prompted(engine, files, *prompts, **more):
    return drawn(engine, files, image_prompt=list(prompts), **more)


def test_each_of_them_changes_the_picture_and_no_two_do_the_same(engine, files):
    both = f"{files / 'ip.safetensors'}:{files / 'photo.png'}+{files / 'other.png'}"
    found = [
        drawn(engine, files),
        prompted(engine, files, prompt(files)),
        prompted(engine, files, prompt(files, picture="other")),
        prompted(engine, files, both),
        prompted(engine, files, prompt(files, net="other.safetensors")),
        prompted(engine, files, prompt(files), prompt(files, net="other.safetensors")),
        prompted(engine, files, prompt(files, ",weight=0.5")),
        prompted(engine, files, prompt(files, ",stop=0.5")),
        prompted(engine, files, prompt(files, ",start=0.5")),
        prompted(engine, files, prompt(files, f",mask={files / 'mask.png'}")),
        prompted(
            engine, files, prompt(files), control=[f"{files / 'net.safetensors'}:image={files / 'photo.png'}"]
        ),
        prompted(engine, files, prompt(files), control=[f"reference:image={files / 'other.png'}"]),
        prompted(engine, files, prompt(files), guide=["pag:2"]),
    ]
    assert len(set(found)) == len(found)


def test_either_spelling_and_a_pickled_file_are_the_same(engine, files):
    own = prompted(engine, files, prompt(files))
    assert own == prompted(engine, files, prompt(files, net="again.safetensors"))
    assert own == prompted(engine, files, prompt(files, net="ip.bin"))


def test_what_has_no_weight_changes_no_bit(engine, files):
    assert prompted(engine, files, prompt(files, ",weight=0")) == drawn(engine, files)


def test_a_batch_is_drawn_as_each_alone(engine, files):
    said = {"image_prompt": [prompt(files, f",mask={files / 'mask.png'}"), prompt(files, picture="other")]}
    recipes = [recipe(text, seed=seed, **wishes(files, **said)) for text, seed in (("a", 1), ("b", 2))]
    assert pixels(engine, recipes) == [pixels(engine, [one])[0] for one in recipes]


def test_over_tiles_and_passes(engine, files):
    """One tile that is all of the picture is the picture."""
    masked = prompt(files, f",mask={files / 'mask.png'}")
    assert prompted(engine, files, masked, tile=48) == prompted(engine, files, masked)
    tiled = {"tile": 32, "tile_overlap": 16}
    assert prompted(engine, files, masked, **tiled) != drawn(engine, files, **tiled)
    more = {"image": files / "photo.png", "strength": 0.6, "then": ["scale=1.34,strength=0.6"]}
    assert prompted(engine, files, masked, **more) != drawn(engine, files, **more)


@pytest.mark.parametrize(
    ("net", "told"),
    [
        ("wide.safetensors", "is made for a model of width 128, this one has 64"),
        ("deep.safetensors", "do not fit"),
        ("unet/ip.safetensors", "for a model with a UNet, this one has a transformer"),
        ("net.safetensors", "give it with --control"),
    ],
)
def test_what_does_not_fit_is_refused(engine, files, net, told):
    with pytest.raises(MezzotintError, match=told):
        draw(engine, recipe(**wishes(files, image_prompt=[prompt(files, net=net)])))


def test_a_unet_takes_none_of_a_transformer(engine, files):
    with pytest.raises(MezzotintError, match=r"transformer \(Stable Diffusion 3\), this one has a UNet"):
        draw(engine, recipe(image_prompt=[prompt(files)]))


def test_towers(engine, files):
    """Each adapter takes states of any tower that are as wide as it reads; the plain one needs CLIP's vector."""
    clip, siglip = files / "unet" / "image_encoder", files / "image_encoder"
    with pytest.raises(
        MezzotintError, match=f"reads values of width {SIGHT.width}, its vision tower gives 64"
    ):
        draw(engine, recipe(**wishes(files, image_prompt=[prompt(files, f",encoder={clip}")])))
    for net, told in (
        ("plus", "reads values of width 64, its"),
        ("ip", "this one is SigLIP's; say encoder=FILE"),
    ):
        said = prompt(files, f",encoder={siglip}", net=f"unet/{net}.safetensors")
        with pytest.raises(MezzotintError, match=told):
            draw(engine, recipe(image_prompt=[said]))
    file = siglip / "model.safetensors"
    # A file alone does not say how many heads there are; it has other ones than the folder.
    assert prompted(engine, files, prompt(files, f",encoder={file}")) != prompted(
        engine, files, prompt(files)
    )
