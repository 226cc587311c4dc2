"""The networks that look at pictures, opened from real files at reduced widths, in every spelling of theirs."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mezzotint.families.layouts import depth_hf, depth_timm, tiny_numbered, vision_hf, vision_open
from mezzotint.families.pictures import VISION, open_depth, open_tiny, open_vision
from mezzotint.nets.depth import DepthGeometry, DepthNet
from mezzotint.nets.siglip import SiglipGeometry
from mezzotint.nets.tiny import TinyAutoencoder, TinyGeometry
from mezzotint.nets.vision import ClipVision, VisionGeometry
from mezzotint.values.errors import BadModelFile, WeightsMismatch
from mezzotint.weights.files import InMemory, TensorSource, open_tensors, save_tensors
from mezzotint.weights.layout import Layout
from parity.nets_reference import fill

SIGHT = SiglipGeometry(16, 4, 64, 2, 1, 24)
TOWER = VisionGeometry(16, 4, 32, 2, 16, 24, "gelu", 8)
DEPTH = DepthGeometry(
    side=64, stem=32, stages=(128, 128, 128), blocks=(1, 1, 1), width=64, layers=12, heads=1, hidden=8, fusion=4, head=4
)  # fmt: skip


def written(
    network: nn.Module, table: Layout, folder: Path, dtype: torch.dtype = torch.float32
) -> TensorSource:
    fill(network)
    named = table.export(InMemory(folder, network.state_dict()))
    path = folder / "part.safetensors"
    save_tensors({name: tensor.to(dtype) for name, tensor in named.items()}, path)
    return open_tensors(path)


def same(a: nn.Module, b: nn.Module) -> bool:
    mine, theirs = a.state_dict(), b.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[n], theirs[n]) for n in mine)


@pytest.mark.parametrize("table", VISION)
def test_towers(table: Layout, tmp_path: Path) -> None:
    network = ClipVision(TOWER)
    opened = open_vision(written(network, table, tmp_path))
    assert opened.geometry == TOWER and same(opened, network) and not opened.training
    told = open_vision(written(ClipVision(replace(TOWER, projection=None)), table, tmp_path), 2, "quick_gelu")
    assert told.geometry == replace(TOWER, projection=None, heads=2, activation="quick_gelu")


@pytest.mark.parametrize("table", [depth_hf.LAYOUT, depth_timm.LAYOUT])
def test_depth(table: Layout, tmp_path: Path) -> None:
    network = DepthNet(DEPTH)
    opened = open_depth(written(network, table, tmp_path))
    assert opened.geometry == DEPTH and same(opened, network)
    assert open_depth(written(network, table, tmp_path), 1e-12).norm.eps == 1e-12


def test_tiny_autoencoders(tmp_path: Path) -> None:
    network = TinyAutoencoder(TinyGeometry(16, 4))
    assert same(open_tiny(written(network, tiny_numbered.DIFFUSERS, tmp_path)), network)
    weights = network.state_dict()

    def half(name: str, table: Layout) -> TensorSource:
        own: dict[str, Tensor] = {n: t for n, t in weights.items() if n.startswith(name)}
        return InMemory(tmp_path, table.export(InMemory(tmp_path, own)))

    encoder, decoder = half("encoder", tiny_numbered.ENCODER), half("decoder", tiny_numbered.DECODER)
    opened = open_tiny(encoder, decoder)
    assert opened.geometry == TinyGeometry(16, 4) and same(opened, network)
    with pytest.raises(WeightsMismatch):
        open_tiny(decoder, encoder)


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    network = ClipVision(TOWER)
    opened = open_vision(written(network, vision_hf.LAYOUT, tmp_path, torch.float16))
    assert torch.equal(opened.patch.weight, network.patch.weight.half().float())


def test_what_does_not_fit(tmp_path: Path) -> None:
    source = written(ClipVision(TOWER), vision_open.LAYOUT, tmp_path)
    named = {name: source.tensor(name) for name in source}
    with pytest.raises(WeightsMismatch, match=r"1 missing \(visual\.ln_post\.weight"):
        open_vision(InMemory(tmp_path, without(named, "visual.ln_post.weight")))
    with pytest.raises(
        WeightsMismatch, match=r"1 of wrong shape \(visual\.ln_post\.weight \[3\], not \[32\]"
    ):
        open_vision(InMemory(tmp_path, named | {"visual.ln_post.weight": torch.ones(3)}))
    with pytest.raises(WeightsMismatch, match=r"visual\.other"):
        open_vision(InMemory(tmp_path, named | {"visual.other": torch.ones(3)}))
    with pytest.raises(BadModelFile, match="no square"):
        open_vision(InMemory(tmp_path, named | {"visual.positional_embedding": torch.ones(12, 32)}))
    with pytest.raises(BadModelFile, match="no numbers"):
        open_vision(InMemory(tmp_path, named | {"visual.ln_pre.bias": torch.full((32,), torch.nan)}))


def without(named: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {n: t for n, t in named.items() if n != name}
