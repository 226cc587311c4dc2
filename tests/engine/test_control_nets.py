"""The networks that steer a model: which of them stay open."""

import torch

from engine.followers import controlnet_file, pictures
from engine.recipes import Engine, draw, recipe
from mezzotint.engine.control_nets import ControlNets, memory
from mezzotint.families import toy
from mezzotint.families.toy import TOY
from mezzotint.values.controls import ControlUse


def four(folder):
    """Files of as many networks, of which not all fit into the memory of the toy model."""
    for name in "abcd":
        controlnet_file(folder / f"{name}.safetensors", salt=name)
    return [folder / f"{name}.safetensors" for name in "abcd"]


def test_networks_that_are_not_used_any_more_are_closed_when_they_take_more_memory_than_the_model(tmp_path):
    uses = [ControlUse(file=str(path)) for path in four(tmp_path)]
    unet = toy.make(TOY).denoiser
    nets = ControlNets(unet, torch.float32)
    each = memory(nets.control(uses[0]))
    fitting = memory(unet) // each
    assert 1 <= fitting <= 2, "as many as are tried must not fit"
    nets.begin()
    together = [nets.control(use) for use in uses]
    nets.begin()  # all of them were used: a pass as the last one opens none
    assert [nets.control(use) for use in uses] == together
    nets.begin()
    assert nets.control(uses[0]) is together[0]
    nets.begin()
    last = uses[4 - (fitting - 1) :] if fitting > 1 else []
    for use, before in zip(uses, together, strict=True):
        assert (nets.control(use) is before) == (use is uses[0] or use in last)


def test_pictures_with_ever_other_networks_do_not_fill_the_memory(tmp_path):
    engine, files = Engine("cpu", 1), four(tmp_path)
    pictures(tmp_path)
    taken = []
    for path in files:
        draw(engine, recipe(control=[f"{path}:image={tmp_path / 'photo.png'}"], steps=1))
        opened = engine._models.get(recipe().passes[0].model, "float32")
        taken.append(sum(map(memory, opened.controls._open.values())))
    each = taken[0]
    assert 4 * each > memory(opened.model.denoiser) + each > 0
    # Beside what fits there is the network of the last pass and that of the one before.
    assert max(taken) <= max(memory(opened.model.denoiser), each) + each
