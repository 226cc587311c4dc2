"""Folders that diffusers and transformers write of one network open by one function each, and compute the same."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderTiny, ControlNetModel
from PIL import Image
from torch import Tensor, nn

from families.test_pictures import DEPTH
from mezzotint.adapters.image_prompt import PLAIN, image_prompt_at, written
from mezzotint.families.layouts import checker_hf, tiny_numbered
from mezzotint.families.standing import adapter_at, checker_at, controlnet_at, depth_at, tiny_at, vision_at
from mezzotint.nets.image_prompt import ImagePrompt, VectorProjection, text_sites
from mezzotint.safety.checker import check, flags
from mezzotint.values.errors import BadModelFile, ModelNotFound, WeightsMismatch
from mezzotint.weights.files import InMemory, open_tensors, save_tensors
from mezzotint.weights.folders import open_folder
from parity import test_nets_controlnet, test_nets_depth, test_nets_vision, test_safety_checker
from parity.nets_reference import BOUND, error, fill
from parity.test_nets_unet_forms import SD1, SD2, conditioned

FAR = 1e-3
ONE = torch.tensor(1.0)


def saved(theirs: nn.Module, folder: Path) -> Path:
    fill(theirs)
    theirs.save_pretrained(folder)  # pyright: ignore[reportCallIssue]
    return folder


def bare(folder: Path) -> Path:
    """The weights of a folder as a file that lies alone."""
    source = open_folder(folder)
    save_tensors({n: source.tensor(n) for n in source}, folder.with_suffix(".safetensors"))
    return folder.with_suffix(".safetensors")


def edited(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("geometry", [SD1, SD2], ids=["one head count", "heads by level"])
@torch.no_grad()
def test_controlnets(geometry: object, tmp_path: Path) -> None:
    g = SD1 if geometry is SD1 else SD2
    theirs = test_nets_controlnet.reference(replace(g, norm_groups=32))
    folder = saved(theirs, tmp_path / "net")
    assert isinstance(theirs, ControlNetModel)
    edited(folder, attention_head_dim=4) if g is SD1 else None
    ours = controlnet_at(folder)
    assert ours.geometry.heads == g.heads
    x, cond = conditioned(ours.geometry, 8, 8)
    hint, t = test_nets_controlnet.hint_of(8, 8), torch.tensor([981, 3])
    expected = test_nets_controlnet.answer(theirs, x, t, cond, hint, 1.0)
    assert test_nets_controlnet.far(ours(x, t, cond, hint, ONE), expected) <= BOUND
    assert test_nets_controlnet.far(ours(x, t, cond, hint.flip(-1), ONE), expected) > FAR


REFUSED: tuple[tuple[str, object, str], ...] = (
    ("controlnet_conditioning_channel_order", "bgr", "channel_order is bgr, which is not supported"),
    ("attention_head_dim", [4, 0, 4], "not a usable number"),
    ("attention_head_dim", "4", "not a usable number"),
    ("attention_head_dim", [3, 3, 3], "sizes no network can have"),
)


def test_settings_that_are_not_ours(tmp_path: Path) -> None:
    folder = saved(test_nets_controlnet.reference(replace(SD1, norm_groups=32)), tmp_path / "net")
    for name, value, says in REFUSED:
        before = (folder / "config.json").read_text()
        edited(folder, **{name: value})
        with pytest.raises(BadModelFile, match=says):
            controlnet_at(folder)
        (folder / "config.json").write_text(before)
    edited(folder, attention_head_dim=4, block_out_channels=None)
    with pytest.raises(BadModelFile, match="block_out_channels is None"):
        controlnet_at(folder)
    with pytest.raises(ModelNotFound):
        controlnet_at(tmp_path)


@pytest.mark.parametrize("name", test_nets_controlnet.ADAPTERS)
@torch.no_grad()
def test_adapters(name: str, tmp_path: Path) -> None:
    _, theirs = test_nets_controlnet.adapter_pair(name)
    folder = saved(theirs, tmp_path / "net")
    hint = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    expected = theirs(hint)
    for ours in (adapter_at(folder), adapter_at(bare(folder))):
        mine, other = ours.features(hint), ours.features(hint.flip(-1))
        for a, b, c in zip(mine, expected, other, strict=True):
            assert error(a, b) <= BOUND and error(c, b) > FAR


@pytest.mark.parametrize("form", test_nets_vision.FORMS)
@torch.no_grad()
def test_towers(form: str, tmp_path: Path) -> None:
    g = test_nets_vision.FORMS[form]
    theirs = test_nets_vision.reference(g)
    ours = vision_at(saved(theirs, tmp_path / "net"))
    assert ours.geometry == replace(g, side=g.side // g.patch * g.patch)
    pixels = test_nets_vision.pixels(ours.geometry)
    expected = theirs(pixels, interpolate_pos_encoding=form == "open").image_embeds
    assert error(ours(pixels).pooled, expected) <= BOUND
    assert error(ours(pixels.flip(-1)).pooled, expected) > FAR
    edited(tmp_path / "net", num_attention_heads=True)
    with pytest.raises(BadModelFile, match="num_attention_heads is True"):
        vision_at(tmp_path / "net")


@torch.no_grad()
def test_depth(tmp_path: Path) -> None:
    theirs = test_nets_depth.reference(replace(DEPTH, eps=1e-4))
    folder = saved(theirs, tmp_path / "net")
    ours = depth_at(folder)
    for net in (theirs.head.head[4], ours.head.conv3):
        net.bias.fill_(1.0)
    assert ours.geometry.eps == 1e-4
    picture = test_nets_depth.picture(ours.geometry)
    expected = theirs(picture).predicted_depth
    assert error(ours(picture)[:, 0], expected) <= BOUND
    assert error(ours(picture.flip(-1))[:, 0], expected) > FAR
    edited(folder, layer_norm_eps=2)
    with pytest.raises(BadModelFile, match="layer_norm_eps is 2"):
        depth_at(folder)


@pytest.mark.parametrize("latent", [4, 16])
@torch.no_grad()
def test_tiny_autoencoders(latent: int, tmp_path: Path) -> None:
    theirs = AutoencoderTiny(
        latent_channels=latent, encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4
    ).eval()
    folder = saved(theirs, tmp_path / "net")
    ours = tiny_at(folder)
    halves: list[Path] = []
    for name, table in (("encoder", tiny_numbered.ENCODER), ("decoder", tiny_numbered.DECODER)):
        own = {n: t for n, t in ours.state_dict().items() if n.startswith(f"{name}.")}
        halves.append(tmp_path / f"{name}.safetensors")
        save_tensors(table.export(InMemory(folder, own)), halves[-1])
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    made = theirs.encode(2 * pixels - 1).latents
    expected = theirs.decode(made).sample
    for net in (ours, tiny_at(*halves), tiny_at(*reversed(halves))):
        latents = net.encode(2 * pixels - 1)
        assert error(latents, made) <= BOUND
        assert error(net.decode(latents), expected) <= BOUND
        assert error(net.decode(latents.flip(-1)), expected) > FAR
    with pytest.raises(WeightsMismatch):
        tiny_at(halves[0], halves[0])
    edited(folder, act_fn="gelu")
    with pytest.raises(BadModelFile, match="act_fn is gelu"):
        tiny_at(folder)


def test_safety_checkers(tmp_path: Path) -> None:
    ours, theirs = test_safety_checker.pair(0.1, 0.4)
    theirs.save_pretrained(tmp_path / "model" / "safety_checker")
    published = checker_hf.LAYOUT.export(InMemory(tmp_path, ours.state_dict()))
    save_tensors(published, tmp_path / "checker.safetensors")
    generator = torch.Generator().manual_seed(1)
    noise = torch.randint(0, 256, (8, 28, 28, 3), generator=generator, dtype=torch.uint8)
    shown = [Image.fromarray(picture.numpy()) for picture in noise]
    expected = check(ours, shown)
    inside = tmp_path / "model" / "safety_checker"
    for found in (checker_at(tmp_path / "model"), checker_at(inside)):
        assert torch.equal(check(found, shown).concepts, expected.concepts)
        assert flags(found, shown) == tuple(expected.flagged.tolist())
    alone = checker_at(tmp_path / "checker.safetensors")
    assert same(alone.state_dict(), ours.state_dict())
    assert alone.geometry.vision.heads != ours.geometry.vision.heads
    edited(inside, vision_config={"layer_norm_eps": 1e-6})
    with pytest.raises(BadModelFile, match="layer_norm_eps is 1e-06"):
        checker_at(inside)
    edited(inside, vision_config="none")
    assert checker_at(inside).geometry.vision.heads == alone.geometry.vision.heads


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


def test_image_prompts(tmp_path: Path) -> None:
    unet = replace(SD1, context=6)
    prompt = ImagePrompt(VectorProjection(10, 6, 4), 6, text_sites(unet))
    fill(prompt)
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "a.safetensors", tmp_path / "folder" / "ip-adapter.safetensors"):
        save_tensors(written(prompt, PLAIN), path)
    opened = [image_prompt_at(tmp_path / name, unet) for name in ("a.safetensors", "folder")]
    assert all(same(one.state_dict(), prompt.state_dict()) for one in opened)


OPENERS: tuple[Callable[[Path], nn.Module], ...] = (
    controlnet_at, adapter_at, vision_at, depth_at, tiny_at, checker_at,
)  # fmt: skip


def test_another_file_is_one_typed_error(tmp_path: Path) -> None:
    save_tensors({"what": torch.zeros(1)}, tmp_path / "a.safetensors")
    assert list(open_tensors(tmp_path / "a.safetensors")) == ["what"]
    for opener in OPENERS:
        with pytest.raises(WeightsMismatch):
            opener(tmp_path / "a.safetensors")
