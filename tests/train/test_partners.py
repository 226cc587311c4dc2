"""What is trained beside a model: each learns a toy task, begins as the base, and comes back from its files."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from beside import SIDE, cached, toy, toy_base
from toys import column, short, squares

from mezzotint.families import partners
from mezzotint.families.registry import open_model
from mezzotint.families.toy import TOY
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.enlarger import EnlargerGeometry
from mezzotint.nets.unet import UNet
from mezzotint.train import inpainting, masks
from mezzotint.train.bases import Base, base_of, open_base
from mezzotint.train.inpainting import (
    InpaintingConfig,
    InpaintingTask,
    open_change,
    train_inpainting,
    widened,
)
from mezzotint.train.low_rank import change, thinned
from mezzotint.train.lpips import Lpips
from mezzotint.train.partner import pack_run
from mezzotint.train.upscaler import (
    UpscalerConfig,
    lanczos,
    measure,
    open_upscaler,
    redrawn,
    smaller,
    train_upscaler,
    turned,
)
from mezzotint.values.errors import BadModelFile, BadValue, ModelNotFound
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import open_tensors
from mezzotint.weights.storage import restored


@pytest.fixture(scope="module")
def base() -> Base:
    return toy_base()


def answers(base: Base, unet: UNet, planes=None) -> torch.Tensor:
    torch.manual_seed(0)
    x = torch.randn(2, base.latent.channels, 4, 4)
    states = base.captions.states(base.captions.ids(("a red square", "")))
    return unet(x, torch.tensor([500, 900]), Conditioning(states, planes=planes)).sample


@pytest.mark.parametrize("size", [32, 64])
def test_masks_cover_some_all_or_half(size: int) -> None:
    shares = [float(masks.mask_of(index, size).mean()) for index in range(300)]
    assert all(masks.mask_of(index, size).shape == (size, size) for index in range(10))
    assert all(0 < share <= 1 for share in shares)
    assert 0.04 < sum(share == 1 for share in shares) / 300 < 0.2
    assert 0.2 < float(np.median(shares)) < 0.7
    assert np.array_equal(masks.mask_of(7, size), masks.mask_of(7, size))


def test_what_an_inpainting_network_is_shown(base: Base) -> None:
    pictures = torch.rand(2, 3, SIDE, SIDE) * 2 - 1
    mask = torch.zeros(2, 1, SIDE, SIDE)
    mask[0, :, : SIDE // 2] = 1
    planes = masks.shown(base, pictures, mask)
    rows = SIDE // base.latent.factor
    assert planes.shape == (2, 1 + base.latent.channels, rows, rows)
    assert planes[0, 0, : rows // 2].eq(1).all() and planes[0, 0, rows // 2 :].eq(0).all()
    whole, _ = base.autoencoder.encode(pictures[1:])
    assert torch.allclose(planes[1:, 1:], base.scaled(whole), atol=1e-5)
    grey = pictures[:1].clone()
    grey[:, :, : SIDE // 2] = 0
    holed, _ = base.autoencoder.encode(grey)
    assert torch.allclose(planes[:1, 1:], base.scaled(holed), atol=1e-5)


def test_a_variant_begins_as_the_base_whatever_the_planes_hold(base: Base) -> None:
    network = widened(base.unet, base.latent.channels)
    planes = torch.randn(2, 1 + base.latent.channels, 4, 4)
    plain = answers(base, base.unet)
    assert torch.allclose(answers(base, network, planes), plain, atol=1e-6)
    thinned(network, 2, frozenset({inpainting.INPUT}))
    assert torch.allclose(answers(base, network, planes), plain, atol=1e-6)
    torch.nn.init.normal_(network.conv_in.weight[:, base.latent.channels :], std=0.1)
    assert not torch.allclose(answers(base, network, planes), plain, atol=1e-3)


@pytest.mark.parametrize("rank", [None, 2])
def test_a_variant_learns_and_its_change_makes_the_same_network(
    tmp_path: Path, base: Base, rank: int | None
) -> None:
    config = InpaintingConfig(rank=rank, batch=16, shown_steps=2)
    latents = cached(tmp_path / "latents", base, masks.masks_beside(base))
    task = InpaintingTask(config, base, latents, 0)
    train_inpainting(config, short(tmp_path / "run", 40, rate=1e-2, log_every=4), base, latents)
    losses = column(tmp_path / "run", "loss")
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    geometry, learned = open_change(tmp_path / "run")
    assert geometry.in_channels == 2 * base.latent.channels + 1
    theirs = {f"unet.{name}": tensor for name, tensor in base.unet.state_dict().items()}
    made = partners.changed(theirs, {f"unet.{k}": v for k, v in learned.items()}, tmp_path)
    network = UNet(geometry)
    network.load_state_dict({name.removeprefix("unet."): tensor for name, tensor in made.items()})
    flat = open_tensors(next((tmp_path / "run" / "checkpoints").iterdir()) / "average.safetensors")
    task.network.load_state_dict({n.removeprefix("unet."): t for n, t in restored(flat).items()})
    planes = torch.randn(2, 1 + base.latent.channels, 4, 4)
    assert torch.allclose(
        answers(base, network, planes), answers(base, task.network.eval(), planes), atol=1e-4
    )
    if rank is not None:
        assert sum(t.numel() for t in learned.values()) < 0.7 * sum(t.numel() for t in theirs.values())
    with pytest.raises(BadValue, match="embedded model"):
        pack_run(tmp_path / "run", tmp_path / "packed", "Toy")


def test_only_what_is_large_is_thinned() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 2), torch.nn.GroupNorm(2, 64))
    thinned(network, 4)
    names = set(change(network.state_dict()))
    assert names == {"0.bias", "0.weight.up", "0.weight.down", "1.weight", "1.bias", "2.weight", "2.bias"}
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert "0.inner.weight" not in learning and len(learning) == 7


def test_a_thin_convolution_adds_what_its_change_says() -> None:
    torch.manual_seed(0)
    plain = torch.nn.Conv2d(8, 12, 3, stride=2, padding=1)
    network = torch.nn.Sequential(plain)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    thinned(network, 3)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3) if parameter.requires_grad else None
    x, again = torch.randn(2, 8, 7, 7), torch.nn.Sequential(torch.nn.Conv2d(8, 12, 3, stride=2, padding=1))
    again.load_state_dict(partners.changed(before, change(network.state_dict()), Path("x")))
    assert torch.allclose(network(x), again(x), atol=1e-4)
    again.load_state_dict(before)
    assert not torch.allclose(network(x), again(x), atol=0.1)


def test_a_change_that_does_not_fit_is_an_error() -> None:
    base = {"a.weight": torch.zeros(4, 6)}
    up, down = torch.ones(4, 2), torch.ones(2, 6)
    made = partners.changed(base, {"a.weight.up": up, "a.weight.down": down, "b": up}, Path("x"))
    assert torch.equal(made["a.weight"], torch.full((4, 6), 2.0)) and torch.equal(made["b"], up)
    for wrong in (
        {"a.weight.up": up},
        {"b.up": up, "b.down": down},
        {"a.weight.up": up, "a.weight.down": down[:1]},
        {"a.weight.up": up, "a.weight.down": down[:, :5]},
    ):
        with pytest.raises(BadModelFile, match="its change of"):
            partners.changed(base, wrong, Path("x"))


def test_an_upscaler_begins_as_cubic_and_learns(tmp_path: Path, base: Base) -> None:
    geometry = EnlargerGeometry(width=8, blocks=1)
    config = UpscalerConfig(geometry, batch=4, lpips=0.0)
    train_upscaler(config, short(tmp_path, 60, rate=1e-2), toy, base.autoencoder, None)
    assert column(tmp_path, "l1")[-1] < 0.8 * column(tmp_path, "l1")[0]
    result = json.loads((tmp_path / "result.json").read_text())
    assert set(result["network"]) == set(result["lanczos"]) == {"small_psnr", "redrawn_psnr"}
    network = open_upscaler(tmp_path)
    assert network(torch.zeros(1, 3, 5, 7)).shape == (1, 3, 10, 14)
    pack_run(tmp_path, tmp_path / "packed", "Toy", "float32")
    back = partners.open_upscaler(tmp_path / "packed")
    x = torch.rand(1, 3, 6, 6)
    assert torch.equal(back(x), network(x))
    with pytest.raises(BadValue, match="channels"):
        network(torch.zeros(1, 4, 5, 5))


def test_an_upscaler_with_the_perceptual_loss_measures_it(tmp_path: Path, base: Base) -> None:
    config = UpscalerConfig(EnlargerGeometry(width=8, blocks=1), batch=2)

    def large(index: int):
        return squares(index, 64)

    train_upscaler(config, short(tmp_path, 2), large, base.autoencoder, Lpips())
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["network"]["small_lpips"] >= 0


def test_measures_of_enlarging_know_good_from_bad(base: Base) -> None:
    from mezzotint.train.upscaler import UpscalerTask

    task = UpscalerTask(UpscalerConfig(EnlargerGeometry(8, 1)), toy, base.autoencoder, None, 0)
    large, small, again = task.held(4)
    assert torch.equal(again, redrawn(base.autoencoder, small))
    perfect = iter([large, large])
    assert measure(lambda x: next(perfect), task, 4)["small_psnr"] == pytest.approx(100)
    assert measure(lambda x: lanczos(x, 2), task, 4)["small_psnr"] > 15
    assert measure(lambda x: -lanczos(x, 2), task, 4)["small_psnr"] < 10


def test_pictures_are_made_smaller_and_turned() -> None:
    x = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).expand(1, 3, 8, 8)
    assert smaller(x, 2).shape == (1, 3, 4, 4)
    assert torch.allclose(smaller(torch.full((1, 3, 8, 8), 0.2), 2), torch.full((1, 3, 4, 4), 0.2), atol=0.01)
    kinds = {tuple(turned(x, kind).flatten().tolist()) for kind in range(8)}
    assert len(kinds) == 8 and tuple(x.flatten().tolist()) in kinds


def test_partners_need_a_base_they_fit(base: Base) -> None:
    model = open_model(ModelUse(base="toy"))
    with pytest.raises(BadValue, match="has no partners"):
        base_of(dataclasses.replace(model, family=dataclasses.replace(TOY, needs=("a picture",))), "toy")
    assert open_base("toy").latent == base.latent


def test_a_folder_that_is_no_partner_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        pack_run(tmp_path, tmp_path / "x", "T")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(BadValue, match="no partner"):
        pack_run(tmp_path, tmp_path / "x", "T")
    with pytest.raises(ModelNotFound):
        partners.open_edges(tmp_path / "none")
    (tmp_path / "geometry.json").write_text('{"title": "x"}')
    with pytest.raises(BadModelFile, match="does not describe"):
        partners.open_upscaler(tmp_path)
    (tmp_path / "geometry.json").write_text('{"title": "x", "upscaler": {"width": 0}}')
    with pytest.raises(BadModelFile, match="at least 1"):
        partners.open_upscaler(tmp_path)
