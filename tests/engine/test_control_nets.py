"""The networks that steer a model: which of them stay open."""

import torch

from engine.followers import controlnet_file
from mezzotint.engine.control_nets import ControlNets, memory
from mezzotint.families import toy
from mezzotint.families.toy import TOY
from mezzotint.values.controls import ControlUse


def test_networks_that_are_not_used_any_more_are_closed_when_they_take_more_memory_than_the_model(tmp_path):
    uses = []
    for name in "abcd":
        controlnet_file(tmp_path / f"{name}.safetensors", salt=name)
        uses.append(ControlUse(file=str(tmp_path / f"{name}.safetensors")))
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
