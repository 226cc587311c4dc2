"""SigLIP's vision tower and its preparation of pictures against transformers', at toy size."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import SiglipConfig, SiglipModel, SiglipVisionConfig, SiglipVisionModel
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from mezzotint.families.layouts import siglip_hf
from mezzotint.families.pictures import open_siglip
from mezzotint.families.standing import tower_at
from mezzotint.nets.siglip import Siglip, SiglipGeometry
from mezzotint.nets.vision_input import clip_pixels, siglip_pixels
from mezzotint.values.errors import BadModelFile, BadValue, WeightsMismatch
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error, fill
from parity.test_vision_input import SIZES, picture
from parity.through_layout import same

FAR = 1e-3
TOY = SiglipGeometry(30, 7, 32, 3, 4, 48)


def config(g: SiglipGeometry) -> dict[str, int]:
    return {
        "hidden_size": g.width,
        "intermediate_size": g.hidden,
        "num_hidden_layers": g.layers,
        "num_attention_heads": g.heads,
        "image_size": g.side,
        "patch_size": g.patch,
    }


def reference(g: SiglipGeometry) -> SiglipVisionModel:
    return SiglipVisionModel(SiglipVisionConfig(**config(g))).eval()


def pixels(g: SiglipGeometry) -> Tensor:
    return torch.randn(2, 3, g.side, g.side, generator=torch.Generator().manual_seed(1))


def pair(geometry: SiglipGeometry = TOY) -> tuple[Siglip, SiglipVisionModel]:
    theirs, ours = reference(TOY), Siglip(geometry).eval()
    fill(theirs)
    named = dict(theirs.state_dict())
    ours.load_state_dict(siglip_hf.LAYOUT.load(InMemory(Path("tower"), named)))
    return ours, theirs


@torch.no_grad()
def test_states_as_transformers() -> None:
    ours, theirs = pair()
    expected = theirs(pixels(TOY), output_hidden_states=True)
    for skip in range(1, TOY.layers):
        assert error(ours(pixels(TOY), skip), expected.hidden_states[-1 - skip]) <= BOUND
    normed = theirs.post_layernorm(ours(pixels(TOY)))
    assert error(normed, expected.last_hidden_state) <= BOUND
    assert error(ours(pixels(TOY), 1), expected.hidden_states[-3]) > FAR
    assert error(ours(pixels(TOY).flip(-1), 1), expected.hidden_states[-2]) > FAR


@pytest.mark.parametrize("change", ["heads", "position", "activation", "bias"])
@torch.no_grad()
def test_every_constant_matters(change: str) -> None:
    ours, theirs = pair(replace(TOY, heads=2) if change == "heads" else TOY)
    if change == "position":
        ours.position.copy_(ours.position.roll(1, 0))
    elif change == "activation":
        for block in ours.blocks:
            block.activation = nn.ReLU()
    elif change == "bias":
        ours.patch.bias.zero_()
    wanted = theirs(pixels(TOY), output_hidden_states=True).hidden_states[-2]
    assert error(ours(pixels(TOY), 1), wanted) > FAR


@torch.no_grad()
def test_alone_and_within_the_whole_of_old_and_new_names() -> None:
    g = TOY
    theirs = SiglipModel(SiglipConfig(vision_config=config(g), text_config=config(g))).eval()
    fill(theirs)
    whole = dict(theirs.state_dict())
    before = siglip_hf.BEFORE
    own = {name.removeprefix(before): t for name, t in whole.items() if name.startswith(before)}
    opened = [open_siglip(InMemory(Path("a"), file), g.heads, g.side) for file in (whole, own)]
    assert opened[0].geometry == g and same(opened[0].state_dict(), opened[1].state_dict())
    wanted = theirs.vision_model(pixels(g), output_hidden_states=True).hidden_states[-2]
    assert error(opened[0](pixels(g), 1), wanted) <= BOUND


@torch.no_grad()
def test_folders(tmp_path: Path) -> None:
    g = TOY
    theirs = reference(g)
    fill(theirs)
    theirs.save_pretrained(tmp_path / "alone")
    whole = SiglipModel(SiglipConfig(vision_config=config(g), text_config=config(g))).eval()
    fill(whole)
    whole.save_pretrained(tmp_path / "whole")
    for folder, tower in (("alone", theirs), ("whole", whole.vision_model)):
        ours = tower_at(tmp_path / folder)
        assert isinstance(ours, Siglip) and ours.geometry == g
        wanted = tower(pixels(g), output_hidden_states=True).hidden_states[-2]
        assert error(ours(pixels(g), 1), wanted) <= BOUND
        assert error(ours(pixels(g).flip(-1), 1), wanted) > FAR
    path = tmp_path / "alone" / "config.json"
    settings = json.loads(path.read_text())
    wrong = {"layer_norm_eps": 1e-5, "hidden_act": "gelu", "num_attention_heads": 0, "image_size": "30"}
    for name, value in wrong.items():
        path.write_text(json.dumps(settings | {name: value}))
        with pytest.raises(BadModelFile, match=name):
            tower_at(tmp_path / "alone")


def test_pictures_may_be_larger_than_the_patches_cover() -> None:
    """30 pixels for 4 patches of 7; alone, only the published tower of that kind, 384 for 27 of 14, is known."""
    names = dict(reference(TOY).state_dict())
    assert open_siglip(InMemory(Path("a"), names), side=30).geometry.side == 30
    assert open_siglip(InMemory(Path("a"), names)).geometry.side == 28
    with pytest.raises(BadModelFile, match="35 pixels for 4 patches of 7"):
        open_siglip(InMemory(Path("a"), names), side=35)
    published = replace(TOY, side=384, patch=14, layers=1)
    file = dict(Siglip(published).state_dict())
    file = siglip_hf.LAYOUT.export(InMemory(Path("a"), file))
    assert open_siglip(InMemory(Path("a"), file), published.heads).geometry == published


def test_what_no_tower_has() -> None:
    names = dict(reference(TOY).state_dict())
    with pytest.raises(BadModelFile, match="15 positions are no square"):
        open_siglip(
            InMemory(Path("a"), names | {"embeddings.position_embedding.weight": torch.zeros(15, 32)})
        )
    with pytest.raises(WeightsMismatch, match="1 missing"):
        open_siglip(InMemory(Path("a"), {n: t for n, t in names.items() if "layers.1.mlp.fc1.bias" not in n}))
    with pytest.raises(BadValue, match="cannot leave out 3 of 3"):
        Siglip(TOY)(pixels(TOY), 3)
    with pytest.raises(BadValue, match="for 3 x 30 x 30 got"):
        Siglip(TOY)(pixels(TOY)[..., :28])
    for changes, told in (
        ({"heads": 3}, "do not divide"),
        ({"side": 6}, "7 pixels"),
        ({"layers": 0}, "least 1"),
    ):
        with pytest.raises(BadValue, match=told):
            replace(TOY, **changes)


@pytest.mark.parametrize("side", [384, 30])
@pytest.mark.parametrize("size", SIZES)
def test_the_same_pixels_as_transformers(size: tuple[int, int], side: int) -> None:
    given = picture(*size)
    processor = SiglipImageProcessorPil(size={"height": side, "width": side})
    expected = processor(given, return_tensors="pt")["pixel_values"].float()
    ours = siglip_pixels([given], side)
    assert ours.shape == (1, 3, side, side) and ours.dtype == torch.float32
    assert (ours - expected).abs().max() < 1e-5
    assert (clip_pixels([given], side) - expected).abs().max() > 0.05


def test_no_picture_and_one_without_pixels() -> None:
    with pytest.raises(BadValue, match="none given"):
        siglip_pixels([], 30)
    with pytest.raises(BadValue, match="for a side of 0"):
        siglip_pixels([picture(3, 3)], 0)
