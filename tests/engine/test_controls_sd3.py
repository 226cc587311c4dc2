"""ControlNets of SD 3 in a run: alone and together, in batches, over tiles and passes, and what is refused."""

from dataclasses import replace

import pytest

from engine import followers
from engine.followers import controlnet_file, joint_control_file, pictures
from engine.recipes import draw, pixels, recipe
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.nets.mmdit_control import MMDiTControlGeometry
from mezzotint.values.errors import MezzotintError
from parity.test_pipeline_sd3 import FAMILIES

FAMILY = FAMILIES["sd3.5-medium"]
NET = replace(FAMILY.denoiser, layers=2, dual=1)


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("control3")
    export_diffusers(toy.make(FAMILY), folder / "sd3")
    geometry = MMDiTControlGeometry(NET, FAMILY.denoiser.layers, zeros=True)
    bare = replace(geometry, net=replace(NET, qk_norm=False, dual=0), reads=False)
    joint_control_file(folder / "net.safetensors", geometry)
    joint_control_file(folder / "bare.safetensors", bare)
    joint_control_file(folder / "masked.safetensors", replace(geometry, hint=17))
    joint_control_file(folder / "wide.safetensors", replace(geometry, net=replace(NET, width=128, heads=2)))
    controlnet_file(folder / "unet.safetensors")
    pictures(folder)
    return folder


def control(files, settings="", net="net", picture="photo"):
    return f"{files / net}.safetensors:image={files / picture}.png{settings}"


def wishes(files, **more):
    return {"model": str(files / "sd3"), "width": 48, "height": 48, "steps": 2, **more}


def drawn(engine, files, **more):
    return followers.drawn(engine, **wishes(files, **more))


def test_each_of_them_changes_the_picture_and_no_two_do_the_same(engine, files):
    found = [
        drawn(engine, files),
        drawn(engine, files, control=[control(files)]),
        drawn(engine, files, control=[control(files, picture="other")]),
        drawn(engine, files, control=[control(files, net="bare")]),
        drawn(engine, files, control=[control(files, ",shows=canny", net="bare")]),
        drawn(engine, files, control=[control(files), control(files, net="bare")]),
        drawn(engine, files, control=[control(files, ",weight=0.5")]),
        drawn(engine, files, control=[control(files, ",mode=prompt")]),
        drawn(engine, files, control=[control(files, ",mode=control")]),
        drawn(engine, files, control=[control(files, ",blocks=1+0")]),
        drawn(engine, files, control=[control(files, ",stop=0.5")]),
    ]
    assert len(set(found)) == len(found)


def test_of_edges_only_networks_without_text_have_levels_of_their_own(engine, files):
    told = drawn(engine, files, control=[control(files, ",shows=canny")])
    assert told == drawn(engine, files, control=[control(files)])


@pytest.mark.parametrize("settings", [",weight=0", ",blocks=0+0"])
def test_what_has_no_weight_changes_no_bit(engine, files, settings):
    assert drawn(engine, files, control=[control(files, settings)]) == drawn(engine, files)


def test_a_batch_is_drawn_as_each_alone(engine, files):
    said = {"control": [control(files, ",mode=control"), control(files, net="bare")]}
    recipes = [recipe(text, seed=seed, **wishes(files, **said)) for text, seed in (("a", 1), ("b", 2))]
    assert pixels(engine, recipes) == [pixels(engine, [one])[0] for one in recipes]


def test_over_tiles_each_sees_its_part_of_the_hint(engine, files):
    """One tile that is all of the picture is the picture."""
    more = {"control": [control(files)]}
    assert drawn(engine, files, **more, tile=48) == drawn(engine, files, **more)
    tiled = {"tile": 32, "tile_overlap": 16}
    assert drawn(engine, files, **more, **tiled) != drawn(engine, files, **tiled)


def test_with_a_picture_and_a_second_pass(engine, files):
    more = {"image": files / "photo.png", "strength": 0.6, "then": ["scale=1.34,strength=0.6"]}
    own = drawn(engine, files, control=[f"{files / 'net'}.safetensors"], **more)
    assert own == drawn(engine, files, control=[control(files)], **more) != drawn(engine, files, **more)


@pytest.mark.parametrize(
    ("net", "told"),
    [
        ("masked", "looks at 17 channels, not at the 16 of a picture"),
        ("wide", "made for a model of width 128 and text of 112, this one has 64 and 112"),
        ("unet", r"made for a model with a UNet, this one has a transformer"),
    ],
)
def test_what_does_not_fit_is_refused(engine, files, net, told):
    with pytest.raises(MezzotintError, match=told):
        draw(engine, recipe(**wishes(files, control=[control(files, net=net)])))


def test_a_unet_is_steered_by_none_of_them(engine, files):
    with pytest.raises(
        MezzotintError, match=r"with a transformer \(Stable Diffusion 3\), this one has a UNet"
    ):
        draw(engine, recipe(control=[control(files)]))
