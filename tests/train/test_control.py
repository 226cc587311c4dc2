"""What follows hints learns a toy task beside a model, begins as it should, and comes back from its files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from beside import SIDE, Deep, cached, toy, toy_base
from toys import column, short

from mezzotint.families import partners
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.t2i_adapter import T2IAdapter
from mezzotint.train import control
from mezzotint.train.bases import Base
from mezzotint.train.control import ControlConfig, ControlTask, open_control, train_control
from mezzotint.train.hints import HINTS, edges_of, hints_beside, to_hint
from mezzotint.train.latents import Latents
from mezzotint.train.partner import pack_run
from mezzotint.train.steering import Sizes, added, begun, controlnet_geometry
from mezzotint.values.errors import UnknownName


@pytest.fixture(scope="module")
def base() -> Base:
    return toy_base()


def edge_latents(folder: Path, base: Base) -> Latents:
    return cached(folder, base, hints_beside(HINTS["canny"](Deep())))


def test_edges_of_a_square_are_its_outline() -> None:
    picture = np.full((16, 16, 3), 255, np.uint8)
    picture[4:12, 4:12] = (220, 30, 30)
    found = edges_of(picture)
    assert set(np.unique(found)) == {0, 255}
    rows, columns = np.nonzero(found)
    assert len(rows) >= 24
    assert all(
        min(abs(r - 4), abs(r - 11), abs(c - 4), abs(c - 11)) <= 1 for r, c in zip(rows, columns, strict=True)
    )
    assert not edges_of(np.full((16, 16, 3), 90, np.uint8)).any()


def test_hints_lie_beside_the_latents_of_their_pictures(tmp_path: Path, base: Base) -> None:
    latents = edge_latents(tmp_path, base)
    again = edge_latents(tmp_path, base)
    drawn, kept = latents.rows(0, 5, 6), again.rows(0, 5, 6)
    assert torch.equal(drawn.more["hint"], kept.more["hint"])
    chunk = latents.cache.chunk(0)
    for index in range(8):
        assert np.array_equal(chunk.more["hint"][index, 0].numpy(), edges_of(toy(index)[0]))
    hint = to_hint(chunk.more["hint"], 3)
    assert hint.shape == (8, 3, SIDE, SIDE) and float(hint.max()) == 1


def test_a_control_begins_as_the_base_and_adds_nothing(tmp_path: Path, base: Base) -> None:
    task = ControlTask(ControlConfig(sizes=Sizes(widths=widths(base))), base, edge_latents(tmp_path, base), 0)
    ours, theirs = task.network.state_dict(), base.unet.state_dict()
    assert torch.equal(ours["conv_in.weight"], theirs["conv_in.weight"])
    assert torch.equal(ours["mid.resnets.0.conv1.weight"], theirs["mid.resnets.0.conv1.weight"])
    _, _, ids, planes = next(task.batches(0))
    x, t = torch.randn(len(ids), base.latent.channels, *latent(base)), torch.full((len(ids),), 700)
    states, hint = base.captions.states(ids), to_hint(planes, 3)
    plain = base.unet(x, t, Conditioning(states)).sample
    assert torch.equal(control.answer(base.unet, task.network, x, t, states, hint), plain)
    torch.nn.init.normal_(task.network.zero[0].weight, std=0.1)
    with_hint = control.answer(base.unet, task.network, x, t, states, hint)
    assert not torch.allclose(with_hint, plain, atol=1e-4)
    other = control.answer(base.unet, task.network, x, t, states, 1 - hint)
    assert not torch.allclose(with_hint, other, atol=1e-5)


def test_the_loss_is_of_what_is_drawn_with_the_hint(tmp_path: Path, base: Base) -> None:
    task = ControlTask(ControlConfig(sizes=Sizes(widths=widths(base))), base, edge_latents(tmp_path, base), 0)
    torch.nn.init.normal_(task.network.zero[0].weight, std=0.1)
    *rest, planes = next(task.batches(0))

    def loss(hints: torch.Tensor) -> float:
        (turn,) = task.turns(0, (*rest, hints), torch.Generator().manual_seed(0))
        return float(turn.loss.detach())

    assert loss(planes) == loss(planes) != loss(255 - planes)


def test_a_fresh_control_sees_its_hint(tmp_path: Path, base: Base) -> None:
    latents = edge_latents(tmp_path, base)
    hint = to_hint(latents.cache.chunk(0).more["hint"], 3)
    geometry = controlnet_geometry(Sizes(), base.unet.geometry)
    states, x = base.captions.states(base.captions.ids(("",) * 8)), torch.zeros(8, 4, *latent(base))

    @torch.no_grad()
    def moved(network: ControlNet) -> float:
        """How far the deepest features move when the hints are exchanged, in their own deviation."""
        torch.nn.init.eye_(network.zero_mid.weight[:, :, 0, 0])
        mids = [
            network(x, torch.tensor(500), Conditioning(states), h, torch.ones(())).residuals["mid"]
            for h in (hint, hint.roll(1, 0))
        ]
        return float((mids[0] - mids[1]).std() / mids[0].std())

    assert moved(begun(geometry, base.unet)) > 0.1
    assert moved(ControlNet(geometry)) < 0.01


def latent(base: Base) -> tuple[int, int]:
    side = SIDE // base.latent.factor
    return side, side


def widths(base: Base) -> tuple[int, ...]:
    """Halved as often as the autoencoder halves."""
    return (4,) * base.latent.factor.bit_length()


def test_a_control_learns_beside_a_base_that_stays(tmp_path: Path, base: Base) -> None:
    before = {name: tensor.clone() for name, tensor in base.unet.state_dict().items()}
    config = ControlConfig(sizes=Sizes(widths=widths(base)), batch=16, shown_steps=2)
    latents = edge_latents(tmp_path / "latents", base)
    train_control(config, short(tmp_path / "run", 40, rate=1e-2, log_every=4), base, latents)
    losses = column(tmp_path / "run", "loss")
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert all(torch.equal(tensor, before[name]) for name, tensor in base.unet.state_dict().items())
    network = open_control(tmp_path / "run")
    assert not network.training
    assert isinstance(network, ControlNet) and float(network.zero[0].weight.abs().max()) > 0
    assert len(list((tmp_path / "run" / "samples").glob("*.png"))) == 1
    pack_run(tmp_path / "run", tmp_path / "packed", "Toy edges", "float32")
    back = partners.open_control(tmp_path / "packed")
    assert isinstance(back, ControlNet) and back.control == network.control
    assert all(torch.equal(tensor, back.state_dict()[name]) for name, tensor in network.state_dict().items())
    said = json.loads((tmp_path / "packed" / "geometry.json").read_text())
    assert said["hint"] == "canny" and said["title"] == "Toy edges" and len(said["base"]) == 64


def test_a_control_may_have_fewer_transformers(tmp_path: Path, base: Base) -> None:
    levels = len(base.unet.geometry.channels)
    config = ControlConfig(sizes=Sizes(attention=(False,) * levels, widths=widths(base)))
    task = ControlTask(config, base, edge_latents(tmp_path, base), 0)
    assert not [name for name in task.network.state_dict() if name.startswith("down.0.attentions")]


def test_depth_hints_are_the_depths_of_the_same_indices(tmp_path: Path, base: Base) -> None:
    latents = cached(tmp_path, base, hints_beside(HINTS["depth"](Deep())), size=4)
    planes = latents.cache.chunk(2).more["hint"]
    for k in range(4):
        wanted = np.rint(Deep().depth(8 + k) / 0.5 * 255).astype(np.uint8)
        assert np.array_equal(planes[k, 0].numpy(), wanted)


def test_an_adapter_begins_weak_learns_and_comes_back(tmp_path: Path, base: Base) -> None:
    config = ControlConfig(hint="depth", kind="adapter", batch=16, shown_steps=2)
    latents = cached(tmp_path / "latents", base, hints_beside(HINTS["depth"](Deep())))
    task = ControlTask(config, base, latents, 0)
    adapter = task.network
    assert isinstance(adapter, T2IAdapter) and adapter.geometry.unshuffle == base.latent.factor
    hint = to_hint(latents.cache.chunk(0).more["hint"], 1)
    found = added(adapter, base.unet.geometry, hint, hint, Conditioning(hint), hint, torch.ones(()))
    strengths = [float(feature.detach().std()) for feature in found.residuals.values()]
    assert len(strengths) == len(base.unet.geometry.channels) and all(0 < s < 0.5 for s in strengths)
    train_control(config, short(tmp_path / "run", 30, rate=1e-2, average=0.9), base, latents)
    network = open_control(tmp_path / "run")
    assert isinstance(network, T2IAdapter) and network.geometry == adapter.geometry and not network.training
    pack_run(tmp_path / "run", tmp_path / "packed", "Toy depth", "float32")
    back = partners.open_control(tmp_path / "packed")
    assert isinstance(back, T2IAdapter) and back.geometry == network.geometry
    assert all(torch.equal(tensor, back.state_dict()[name]) for name, tensor in network.state_dict().items())
    assert partners.described(partners.Adapter, tmp_path / "packed").hint == "depth"

    def loss() -> float:
        (turn,) = task.turns(0, next(task.batches(0)), torch.Generator().manual_seed(4))
        return float(turn.loss.detach())

    before = loss()
    task.network = network
    assert loss() < 0.99 * before


def test_a_kind_that_there_is_not_is_named(tmp_path: Path, base: Base) -> None:
    with pytest.raises(UnknownName, match="adaptor"):
        ControlTask(ControlConfig(kind="adaptor"), base, edge_latents(tmp_path, base), 0)
