"""T2I-Adapters that cannot steer a model or a size: told in the words of whoever draws, and the others work."""

from dataclasses import replace

import pytest

from engine.followers import adapter_file, filled, pictures
from engine.recipes import Engine, draw, recipe
from families.reduced import SMALL_XL
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.layouts import t2i_adapter
from mezzotint.families.sdxl import SDXL
from mezzotint.nets.t2i_adapter import AdapterGeometry, T2IAdapter
from mezzotint.values.errors import BadValue
from mezzotint.weights.files import InMemory, save_tensors


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


def test_one_for_latents_of_another_size_is_told(engine, tmp_path):
    pictures(tmp_path)
    path = adapter_file(tmp_path / "coarse.safetensors", unshuffle=16)
    text = f"{path}:image={tmp_path / 'photo.png'}"
    with pytest.raises(BadValue) as told:
        draw(engine, recipe(control=[text]))
    assert (
        "coarse.safetensors was made for models whose pictures are coded in other sizes" in told.value.message
    )
    assert told.value.hint == "use a T2I-Adapter that was made for Toy (random weights)"


def test_a_size_that_the_one_of_sdxl_cannot_look_at_is_told(engine, tmp_path):
    pictures(tmp_path)
    auto = replace(SMALL_XL.autoencoder, channels=(32, 32, 32, 64))
    family = replace(SMALL_XL, autoencoder=auto, latent=SDXL.latent)
    export_diffusers(toy.make(family), tmp_path / "xl")
    net = filled(T2IAdapter(AdapterGeometry(family.unet.channels, (False, False, True), unshuffle=16)))
    path = tmp_path / "adapter.safetensors"
    save_tensors(t2i_adapter.DIFFUSERS.export(InMemory(path, net.state_dict())), path)
    wishes = {"model": str(tmp_path / "xl"), "control": [f"{path}:image={tmp_path / 'photo.png'}"]}
    made = draw(engine, recipe(**wishes, width=48, height=32))
    assert made.image != draw(engine, recipe(model=wishes["model"], width=48, height=32)).image
    for shape in ({"width": 40, "height": 32}, {"width": 64, "height": 64, "tile": 40}):
        with pytest.raises(BadValue) as told:
            draw(engine, recipe(**wishes, **shape))
        assert told.value.hint == "draw in sizes that are multiples of 16"
    assert "cannot look at a tile of 40x40" in told.value.message
