"""Control: ControlNets, T2I-Adapters and IP-Adapters in a run, alone and together, over tiles, masks and passes."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from engine.followers import (
    adapter_file,
    controlnet_file,
    drawn,
    face_file,
    image_prompt_file,
    levels,
    pictures,
    weights,
)
from engine.recipes import assert_a_batch_is_as_each_alone, draw, recipe
from families.reduced import JOINT
from mezzotint.engine.composing.originals import found_again
from mezzotint.engine.control_nets import ControlNets
from mezzotint.engine.engine import Engine
from mezzotint.families import mini, partners, toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.sd1 import SD1_INPAINTING
from mezzotint.families.toy import TOY
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.t2i_adapter import AdapterGeometry, T2IAdapter
from mezzotint.values.errors import BadModelFile, BadPicture, MezzotintError
from mezzotint.values.recipe import Recipe


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with networks and pictures."""
    folder = tmp_path_factory.mktemp("control")
    controlnet_file(folder / "net.safetensors")
    controlnet_file(folder / "other.safetensors", salt="other")
    adapter_file(folder / "adapter.safetensors")
    image_prompt_file(folder / "ip.safetensors")
    (folder / "plus").mkdir()
    image_prompt_file(folder / "plus" / "ip-plus.safetensors", plus=True)
    face_file(folder / "plus" / "full-face.safetensors")
    face_file(folder / "plus" / "recognised.safetensors", recognised=True)
    pictures(folder)
    return folder


def control(files, settings="", net="net"):
    return f"{files / net}.safetensors:image={files / 'photo.png'}{settings}"


def prompt(files, settings="", net="ip", picture="photo"):
    return f"{files / net}.safetensors:{files / picture}.png{settings}"


def test_each_of_them_changes_the_picture_and_no_two_do_the_same(engine, files):
    found = [
        drawn(engine),
        drawn(engine, control=[control(files)]),
        drawn(engine, control=[control(files, ",hint=tile:down=2")]),
        drawn(engine, control=[control(files, net="other")]),
        drawn(engine, control=[control(files, net="adapter")]),
        drawn(engine, control=[control(files), control(files, net="other")]),
        drawn(engine, control=[control(files, ",weight=0.5")]),
        drawn(engine, control=[control(files, ",mode=prompt")]),
        drawn(engine, control=[control(files, ",mode=control")]),
        drawn(engine, control=[control(files, ",blocks=1+0+1+0+1")]),
        drawn(engine, control=[control(files, ",stop=0.5")]),
        drawn(engine, control=[control(files, ",start=0.5")]),
        drawn(engine, image_prompt=[prompt(files)]),
        drawn(engine, image_prompt=[prompt(files, picture="other")]),
        drawn(engine, image_prompt=[prompt(files, net="plus/ip-plus")]),
        drawn(engine, image_prompt=[prompt(files, net="plus/full-face")]),
        drawn(engine, image_prompt=[prompt(files, f",mask={files / 'mask.png'}")]),
        drawn(engine, image_prompt=[prompt(files)], control=[control(files)]),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("settings", [",weight=0", ",start=0.9,stop=0.95", ",blocks=0+0+0+0+0"])
def test_what_has_no_weight_or_no_step_changes_no_bit(engine, files, settings):
    assert drawn(engine, control=[control(files, settings)]) == drawn(engine)


def test_of_no_weight_in_image_prompts_nothing_is_seen(engine, files):
    assert drawn(engine, image_prompt=[prompt(files, ",weight=0")]) == drawn(engine)


def test_out_of_its_steps_a_network_is_not_asked(engine, files, monkeypatch):
    asked, forward = [], ControlNet.forward

    def counting(self, x, *rest):
        asked.append(len(x))
        return forward(self, x, *rest)

    monkeypatch.setattr(ControlNet, "forward", counting)
    drawn(engine, control=[control(files, ",start=0.25,stop=0.75")])
    assert asked == [2, 2]
    asked.clear()
    drawn(engine, control=[control(files, ",mode=control")])
    assert asked == [1] * 4


def test_one_at_half_the_weight_twice_is_one(engine, files):
    one = levels(engine, control=[control(files)])
    halves = levels(engine, control=[control(files, ",weight=0.5")] * 2)
    assert np.abs(one - halves).max() <= 1


def test_two_pictures_of_one_image_prompt_are_two_prompts(engine, files):
    both = f"{files / 'ip.safetensors'}:{files / 'photo.png'}+{files / 'other.png'}"
    found = {drawn(engine, image_prompt=[p]) for p in (both, prompt(files), prompt(files, picture="other"))}
    assert len(found) == 3


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_batch_is_drawn_as_each_alone(engine, files, mode):
    """In exact numerics bit for bit."""
    wishes = {
        "control": [control(files, ",mode=control"), control(files, net="adapter")],
        "image_prompt": [prompt(files, f",mask={files / 'mask.png'}")],
        "numerics": mode,
    }
    recipes = [recipe(text, seed=seed, **wishes) for text, seed in (("a", 1), ("a red apple", 2), ("b", 3))]
    assert_a_batch_is_as_each_alone(engine, recipes)


def test_the_hint_is_of_the_source_where_no_picture_is_named(engine, files):
    wishes = {"image": files / "photo.png", "strength": 0.5}
    own = drawn(engine, control=[f"{files / 'net.safetensors'}"], **wishes)
    assert own == drawn(engine, control=[control(files)], **wishes)
    assert own != drawn(engine, **wishes)


def test_with_a_mask_and_a_second_pass(engine, files):
    wishes = {"image": files / "photo.png", "mask": files / "mask.png", "then": ["scale=1.5,strength=0.6"]}
    with_it = drawn(engine, control=[control(files)], image_prompt=[prompt(files)], **wishes)
    assert with_it != drawn(engine, **wishes)


def test_a_further_pass_follows_what_the_first_one_did(engine, files):
    one = recipe(control=[control(files)], image_prompt=[prompt(files)], then=["scale=2"])
    first, second = one.passes
    assert second.controls == first.controls and second.image_prompts == first.image_prompts
    alone = one.model_copy(update={"passes": (first, second.model_copy(update={"controls": ()}))})
    assert draw(engine, one).image != draw(engine, alone).image


def test_a_further_pass_may_follow_what_the_first_one_drew(engine, files):
    one = recipe(then=["scale=2"])
    net = {"file": str(files / "net.safetensors")}
    first, second = one.passes
    held = second.model_validate({**dict(second), "controls": [net]})
    changed = one.model_copy(update={"passes": (first, held)})
    assert draw(engine, changed).image != draw(engine, one).image


def test_only_the_masked_part_sees_its_part_of_the_hint(engine, files):
    wishes = {
        "image": files / "photo.png",
        "mask": files / "mask.png",
        "mask_area": "masked",
        "mask_padding": 0,
    }
    own = drawn(engine, control=[f"{files / 'net.safetensors'}"], **wishes)
    assert own == drawn(engine, control=[control(files)], **wishes)


def test_over_tiles_each_sees_its_part_of_the_hint(engine, files):
    """One tile that is all of the picture is the picture; several are not far from it and see the hint."""
    wishes = {"width": 64, "height": 48, "control": [control(files), control(files, net="adapter")]}
    whole = drawn(engine, **wishes)
    assert drawn(engine, **wishes, tile=64) == whole
    for numerics in ("exact", "fast"):
        tiled = drawn(engine, **wishes, tile=32, tile_overlap=16, numerics=numerics)
        assert tiled != drawn(engine, **{**wishes, "control": []}, tile=32, tile_overlap=16)


def test_a_seamless_picture_follows_a_hint(engine, files):
    found = {drawn(engine, control=[control(files)], seamless=axes) for axes in (None, "x", "both")}
    assert len(found) == 3


def test_guides_that_touch_the_network_work_beside_controls(engine, files):
    wishes = {"control": [control(files)], "image_prompt": [prompt(files)], "negative": "blue"}
    found = {drawn(engine, guide=[guide], **wishes) for guide in ("pag:2", "sag:1", "perp-neg")}
    assert len(found | {drawn(engine, **wishes)}) == 4


def test_the_recipe_knows_the_content_of_its_pictures(engine, files, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes((files / "photo.png").read_bytes())
    one = recipe(control=[f"{files / 'net.safetensors'}:image={copy}"])
    assert one == Recipe.from_json(one.to_json())
    assert one.passes[0].controls[0].picture.sha256 is not None
    Image.new("RGB", (48, 48)).save(copy)
    with pytest.raises(BadPicture, match="not the picture that was asked for"):
        draw(engine, one)


def refusal(engine, **wishes):
    """What the user is told."""
    with pytest.raises(MezzotintError) as told:
        draw(engine, recipe(**wishes))
    return str(told.value)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("control", "net.safetensors:canny", "no picture to follow"),
        ("control", "nowhere:image=photo.png", "no model 'nowhere'"),
        ("control", "net.safetensors:image=nowhere.png", "no such file"),
        ("control", "net.safetensors:cany,image=photo.png", "unknown hint 'cany'"),
        ("control", "net.safetensors:canny:lo=3,image=photo.png", "did you mean low"),
        ("control", "net.safetensors:image=photo.png,weight=20", "control weight: 20.0 is out of range"),
        ("control", "net.safetensors:image=photo.png,mode=promt", "did you mean prompt"),
        ("control", "net.safetensors:image=photo.png,start=0.6,stop=0.5", "is after stop"),
        ("control", "net.safetensors:image=photo.png,blocks=1+1", "give 5"),
        ("control", ":image=photo.png", "names no file"),
        ("control", "photo.png:image=photo.png", "photo.png"),
        ("control", "ip.safetensors:image=photo.png", "give it with --image-prompt"),
        ("control", "edges:image=photo.png", "embedded model|no model"),
        ("image_prompt", "net.safetensors", "names no picture"),
        ("image_prompt", "net.safetensors:photo.png", "give it with --control"),
        ("image_prompt", "nowhere:photo.png", "no model 'nowhere'"),
        (
            "image_prompt",
            "plus/recognised.safetensors:photo.png",
            "vectors of a face recogniser.*plus-face or",
        ),
        ("image_prompt", "ip.safetensors:photo.png,encoder=nowhere", "no model 'nowhere'"),
        ("image_prompt", "ip.safetensors:nowhere.png", "no such file"),
        ("model", "net.safetensors", "give it with --control"),
    ],
)
def test_what_does_not_fit_is_refused(engine, files, monkeypatch, name, text, told):
    monkeypatch.chdir(files)
    assert re.search(told, refusal(engine, **{name: text if name == "model" else [text]}))


def test_there_are_limits(engine, files, tmp_path):
    assert "use at most 8" in refusal(engine, control=[control(files)] * 9)
    alone = tmp_path / "alone.safetensors"
    alone.write_bytes((files / "ip.safetensors").read_bytes())
    told = refusal(engine, image_prompt=[f"{alone}:{files / 'photo.png'}"])
    assert "no model 'image_encoder'" in told and "encoder=FILE" in told


def test_a_network_for_other_models_is_told_at_once(engine, files, tmp_path):
    photo = files / "photo.png"
    path = controlnet_file(tmp_path / "wide.safetensors", replace(TOY.denoiser, context=40))
    told = refusal(engine, control=[f"{path}:image={photo}"])
    assert "text of 40, this one has 16, 32 and 32" in told
    path = adapter_file(tmp_path / "deep.safetensors", replace(TOY.denoiser, channels=(16, 64)))
    assert "widths 16, 64, this one has 16, 32" in refusal(engine, control=[f"{path}:image={photo}"])


def test_a_hash_is_verified(engine, files):
    one = recipe(control=[control(files)])
    first = one.passes[0]
    held = first.controls[0].model_copy(update={"sha256": "0" * 64})
    wrong = one.model_copy(update={"passes": (first.model_copy(update={"controls": (held,)}),)})
    with pytest.raises(MezzotintError, match="hash is not the one asked for"):
        draw(engine, wrong)


def test_an_exchanged_file_is_opened_again(engine, files, tmp_path):
    path = controlnet_file(tmp_path / "net.safetensors")
    text = [f"{path}:image={files / 'photo.png'}"]
    before = drawn(engine, control=text)
    assert before == drawn(engine, control=[control(files)])
    controlnet_file(path, salt="other")
    assert drawn(engine, control=text) == drawn(engine, control=[control(files, net="other")]) != before


def test_moved_pictures_are_found_again(engine, files, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    for name in ("photo", "mask"):
        (away / f"{name}.png").write_bytes((files / f"{name}.png").read_bytes())
    one = recipe(
        control=[f"{files / 'net.safetensors'}:image={away / 'photo.png'}"],
        image_prompt=[f"{files / 'ip.safetensors'}:{away / 'photo.png'},mask={away / 'mask.png'}"],
    )
    for path in away.iterdir():
        path.unlink()
    found = found_again(one, files)
    assert (
        draw(engine, found).image
        == draw(
            engine,
            recipe(control=[control(files)], image_prompt=[prompt(files, f",mask={files / 'mask.png'}")]),
        ).image
    )
    with pytest.raises(BadPicture, match="is wanted"):
        found_again(one, tmp_path)


def test_a_transformer_takes_none_of_a_unet(engine, files):
    model = toy.make(JOINT["sd3.5-medium"])
    with engine.placement.pinned(exact=True):
        nets = ControlNets(model.denoiser, torch.float32)
        with pytest.raises(MezzotintError, match=r"made for a model with a UNet, this one has a transformer"):
            nets.control(recipe(control=[control(files)]).passes[0].controls[0])
        with pytest.raises(
            BadModelFile, match=r"IP-Adapter for a model with a UNet, this one has a transformer"
        ):
            nets.prompt(recipe(image_prompt=[prompt(files)]).passes[0].image_prompts[0])


def test_an_inpainting_model_follows_a_network_of_the_model_that_it_came_from(engine, files, tmp_path):
    family = replace(
        TOY,
        denoiser=replace(TOY.denoiser, in_channels=9),
        needs=SD1_INPAINTING.needs,
        look=SD1_INPAINTING.look,
    )
    export_diffusers(toy.make(family), tmp_path / "inpaint")
    wishes = {
        "model": str(tmp_path / "inpaint"),
        "image": files / "photo.png",
        "mask": files / "mask.png",
        "width": 48,
        "height": 48,
    }
    assert drawn(engine, control=[control(files)], **wishes) != drawn(engine, **wishes)


def test_a_partner_of_the_embedded_model_is_a_folder(engine, files, tmp_path):
    base = mini.family().denoiser
    geometry = ControlNetGeometry(base, (4, 8, 12, 16)[: mini.family().latent.factor.bit_length()])
    told = partners.Control("Edges", "0" * 64, "canny", geometry)
    partners.pack(told, weights(ControlNet(geometry)), tmp_path / "edges", "float16")
    text = f"{tmp_path / 'edges'}:image={files / 'photo.png'}"
    wishes = {"model": "mini", "steps": 1}
    assert drawn(engine, control=[text], **wishes) != drawn(engine, **wishes)
    assert "fits no other; draw with --model mini" in refusal(engine, control=[text])


@pytest.mark.parametrize("sides", [(64, 64), (72, 40)])
def test_a_partner_that_is_an_adapter_is_a_folder_and_looks_at_pictures_of_any_size(
    engine, files, tmp_path, sides
):
    base = mini.family().denoiser
    geometry = AdapterGeometry(base.channels, (False, True), 1, mini.family().latent.factor, pixels=1)
    told = partners.Adapter("Depth", "0" * 64, "depth", geometry)
    partners.pack(told, weights(T2IAdapter(geometry)), tmp_path / "deep", "float16")
    text = f"{tmp_path / 'deep'}:depth,image={files / 'photo.png'}"
    wishes = {"model": "mini", "steps": 1, "width": sides[0], "height": sides[1]}
    assert drawn(engine, control=[text], **wishes) != drawn(engine, **wishes)
    assert "fits no other; draw with --model mini" in refusal(engine, control=[text])


def test_a_further_pass_follows_the_picture_that_the_first_one_started_from(engine, files):
    wishes = {"image": files / "photo.png", "strength": 0.6, "then": ["scale=1.5,strength=0.6"]}
    own = drawn(engine, control=[f"{files / 'net'}.safetensors"], **wishes)
    assert own == drawn(engine, control=[control(files)], **wishes)


@pytest.mark.parametrize("wishes", [{"extend": (0, 0, 16, 0)}, {"fit": "stretch", "width": 64, "height": 48}])
@pytest.mark.parametrize("then", ["scale=1.5,strength=0.6", "strength=0.6"])
def test_a_further_pass_follows_what_was_drawn_where_the_picture_lies_elsewhere(files, wishes, then):
    """An extended or stretched picture is not where a control would put the picture itself."""
    own = {"control": [f"{files / 'net'}.safetensors"], "image": files / "photo.png", "then": [then]}
    first, second = recipe(**own, **wishes).passes
    assert first.controls[0].picture is None and second.controls[0].picture is None
    plain = recipe(**own).passes[1]
    assert plain.controls[0].picture.file == str(files / "photo.png")
    named = recipe(**{**own, "control": [control(files)]}, **wishes).passes[1]
    assert named.controls[0].picture.file == str(files / "photo.png")


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_each_picture_of_a_batch_follows_what_was_drawn_of_it(engine, files, mode):
    wishes = {
        "control": [f"{files / 'net'}.safetensors"],
        "image": files / "photo.png",
        "fit": "stretch",
        "strength": 0.8,
        "then": ["scale=1.5,strength=0.6,upscaler=bicubic"],
        "numerics": mode,
    }
    assert_a_batch_is_as_each_alone(engine, [recipe(seed=seed, **wishes) for seed in (1, 2, 3)])
