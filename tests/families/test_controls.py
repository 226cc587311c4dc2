"""ControlNets and T2I-Adapters: the complete tables of the published files, and opening them at reduced widths."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from families.published import tensors
from mezzotint.families.assemble import check_fit
from mezzotint.families.controls import (
    adapter_table,
    controlnet_geometry,
    controlnet_table,
    open_adapter,
    open_controlnet,
)
from mezzotint.families.geometry import Shapes
from mezzotint.families.layouts import controlnet, t2i_adapter
from mezzotint.families.sd1 import SD1
from mezzotint.families.sd2 import SD2
from mezzotint.families.sdxl import SDXL
from mezzotint.families.toy import random_weight
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.t2i_adapter import AdapterGeometry, T2IAdapter
from mezzotint.nets.unet import UNetGeometry, Vector
from mezzotint.values.errors import BadModelFile, WeightsMismatch
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout

KINDS = {
    "diffusers_controlnet_sd15": (SD1, 340, 0),
    "diffusers_controlnet_sd21": (SD2, 340, 0),
    "diffusers_controlnet_sdxl": (SDXL, 844, 0),
    "ldm_controlnet-sd15": (SD1, 340, 0),
    "ldm_controlnet-sd21": (SD2, 340, 0),
    "ldm_controlnet-sd15-full": (SD1, 340, 1144),
    "ldm_controlnet-sd21-full": (SD2, 340, 1241),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_taken_and_every_weight_is_filled(kind: str) -> None:
    family, taken, dropped = KINDS[kind]
    published, path = tensors(kind, optional=True), Path(kind)
    table = controlnet_table(published)
    matched = table.match(published)
    assert matched.unknown == () and (len(matched.taken), len(matched.dropped)) == (taken, dropped)
    ours = table.load(InMemory(path, published))
    shapes = {name: tuple(t.shape) for name, t in ours.items()}
    geometry = controlnet_geometry(Shapes(shapes, "", path))
    assert geometry == ControlNetGeometry(family.unet)
    with torch.device("meta"):
        check_fit(ControlNet(geometry).state_dict(), shapes, path)
    back = table.export(InMemory(path, ours))
    assert {n: t.shape for n, t in back.items()} == {n: published[n].shape for n in matched.taken}


TOY1 = UNetGeometry(4, 4, (32, 64), 1, (True, False), (8, 8), 24)
TOY2 = UNetGeometry(4, 4, (64, 128), 1, (True, False), (1, 2), 24, linear_projection=True)
TOYS = {
    "sd1": TOY1,
    "sd2": TOY2,
    "sdxl": replace(TOY2, attention=(False, True), blocks=2, added=Vector(pooled=20, numbers=6, waves=256)),
}


def weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: random_weight(name, tuple(t.shape)) for name, t in net.state_dict().items()}


def spelled(net: ControlNet) -> dict[str, Layout]:
    count = len(net.hint)
    g = net.geometry
    original = controlnet.original(g.layers, g.attention, count)
    return {
        "folder": controlnet.diffusers(count),
        "bare": original,
        "prefixed": original.under(controlnet.PREFIX, ""),
    }


@pytest.mark.parametrize("name", TOYS)
def test_a_controlnet_opens_in_every_spelling(name: str) -> None:
    net = ControlNet(ControlNetGeometry(TOYS[name], (4, 8, 12)))
    made = weights(net)
    for spelling, table in spelled(net).items():
        file = table.export(InMemory(Path(spelling), made))
        opened = open_controlnet(InMemory(Path(spelling), file))
        assert opened.control == net.control, spelling
        again = opened.state_dict()
        assert again.keys() == made.keys() and all(torch.equal(again[n], made[n]) for n in made)
    other = open_controlnet(InMemory(Path("heads"), file), heads=(2, 2))
    assert other.geometry.heads == (2, 2)


def test_what_does_not_fit_is_one_typed_error() -> None:
    net = ControlNet(ControlNetGeometry(TOY1, (4, 8)))
    table = spelled(net)["prefixed"]
    file = table.export(InMemory(Path("a"), weights(net)))
    strange = file | {"control_model.what": torch.zeros(1)}
    with pytest.raises(WeightsMismatch, match="1 unexpected"):
        open_controlnet(InMemory(Path("a"), strange))
    fewer = {n: t for n, t in file.items() if not n.endswith("zero_convs.1.0.bias")}
    with pytest.raises(WeightsMismatch, match=r"1 missing \(control_model\.zero_convs\.1\.0\.bias\)"):
        open_controlnet(InMemory(Path("a"), fewer))
    key = "control_model.middle_block_out.0.bias"
    with pytest.raises(BadModelFile, match="no numbers"):
        open_controlnet(InMemory(Path("a"), file | {key: torch.full_like(file[key], float("nan"))}))
    with pytest.raises(BadModelFile, match="sizes no network can have"):
        open_controlnet(InMemory(Path("a"), file), heads=(3, 5))
    xl = ControlNet(ControlNetGeometry(replace(TOYS["sdxl"], added=Vector(20, 1, 16)), (4, 8)))
    file = spelled(xl)["bare"].export(InMemory(Path("a"), weights(xl)))
    with pytest.raises(BadModelFile, match="36 values are added"):
        open_controlnet(InMemory(Path("a"), file))


ADAPTERS = {
    "full": AdapterGeometry((32, 64, 96, 96), (False, True, True, True)),
    "full xl": AdapterGeometry((32, 64, 96, 96), (False, False, True, False), unshuffle=16),
    "light": AdapterGeometry((32, 64, 96, 96), (False, True, True, True), layers=4, light=True),
    "full, of one channel": AdapterGeometry((32, 64, 96, 96), (False, True, True, True), pixels=1),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_opens_in_both_spellings(name: str) -> None:
    g = ADAPTERS[name]
    made = weights(T2IAdapter(g))
    original = t2i_adapter.LIGHT if g.light else t2i_adapter.original(len(g.channels), g.layers)
    for table in (t2i_adapter.DIFFUSERS, original):
        file = table.export(InMemory(Path(name), made))
        opened = open_adapter(InMemory(Path(name), file))
        again = opened.state_dict()
        assert opened.geometry == g
        assert again.keys() == made.keys() and all(torch.equal(again[n], made[n]) for n in made)
        assert adapter_table(file).match(file).unknown == ()


def test_what_is_no_adapter_is_a_typed_error() -> None:
    with pytest.raises(WeightsMismatch):
        open_adapter(InMemory(Path("a"), {"what": torch.zeros(1)}))
    with pytest.raises(WeightsMismatch):
        open_controlnet(InMemory(Path("a"), {"what": torch.zeros(1)}))
    file = t2i_adapter.DIFFUSERS.export(InMemory(Path("a"), weights(T2IAdapter(ADAPTERS["full"]))))
    empty = file | {"adapter.conv_in.weight": torch.zeros(32, 0, 3, 3)}
    with pytest.raises(BadModelFile, match="sizes no network can have"):
        open_adapter(InMemory(Path("a"), empty))
