"""The depth network's trainer: it learns what stands out, its figures know good from bad, and a run gives it back."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from beside import Deep
from toys import column, short

from mezzotint.families import partners
from mezzotint.families.registry import open_model
from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.nets.small_depth import SmallDepthGeometry
from mezzotint.train.depth import (
    DepthConfig,
    DepthTask,
    correlation,
    measure,
    open_depth,
    slopes,
    train_depth,
)
from mezzotint.train.partner import pack_run
from mezzotint.train.samples import HELD
from mezzotint.values.errors import BadModelFile
from mezzotint.values.recipe import ModelUse

SMALL = SmallDepthGeometry((8, 8), norm_groups=4)


@pytest.fixture(scope="module")
def autoencoder() -> Autoencoder:
    return open_model(ModelUse(base="toy")).autoencoder


def test_correlation_is_that_of_numpy_and_knows_no_scale():
    random = np.random.default_rng(0)
    a, b = (torch.tensor(random.random((3, 1, 5, 7)), dtype=torch.float32) for _ in range(2))
    wanted = [np.corrcoef(x.flatten(), y.flatten())[0, 1] for x, y in zip(a, b, strict=True)]
    assert np.allclose(correlation(a, b).numpy(), wanted, atol=1e-5)
    assert torch.allclose(correlation(3 * a + 2, a), torch.ones(3), atol=1e-5)
    assert torch.allclose(correlation(-a, a), -torch.ones(3), atol=1e-5)
    assert torch.equal(correlation(torch.full_like(a, 0.3), a), torch.zeros(3))


def test_slopes_are_differences_of_neighbours():
    plane = torch.arange(12.0).reshape(1, 1, 3, 4)
    down, right = slopes(plane)
    assert down.shape == (1, 1, 2, 4) and down.eq(4).all()
    assert right.shape == (1, 1, 3, 3) and right.eq(1).all()


def test_it_learns_and_comes_back(tmp_path: Path, autoencoder: Autoencoder):
    config = DepthConfig(SMALL, batch=8, redrawn=0.25)
    train_depth(config, short(tmp_path, 60, rate=1e-2, average=0.9), Deep(), autoencoder)
    losses = column(tmp_path, "l1")
    assert losses[-1] < 0.5 * losses[0]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["plain_correlation"] > 0.9 > result["always_correlation"]
    assert result["plain_error"] < result["always_error"]
    network, task = open_depth(tmp_path), DepthTask(config, Deep(), autoencoder, 0)
    assert not network.training and network.geometry == SMALL
    again = measure(network, task)
    assert again["plain_correlation"] == pytest.approx(result["plain_correlation"])
    worse = measure(lambda x: -network(x), task)
    assert worse["plain_correlation"] == pytest.approx(-again["plain_correlation"])
    pack_run(tmp_path, tmp_path / "packed", "Toy depth", "float32")
    back, x = partners.open_depth(tmp_path / "packed"), torch.rand(1, 3, 12, 12)
    assert torch.equal(back(x), network(x)) and back.geometry == SMALL
    run = json.loads((tmp_path / "run.json").read_text())
    run["depth"]["geometry"]["widths"] = [8, 16]
    (tmp_path / "run.json").write_text(json.dumps(run))
    with pytest.raises(BadModelFile, match=r"holds no weights of the network that its run\.json describes"):
        open_depth(tmp_path)


def test_batches_are_those_of_their_step(autoencoder: Autoencoder):
    task = DepthTask(DepthConfig(SMALL, batch=3), Deep(), autoencoder, 0)
    batches = task.batches(0)
    next(batches)
    pictures, planes = next(batches)
    again = next(task.batches(1))
    assert torch.equal(pictures, again[0]) and torch.equal(planes, again[1])
    assert np.array_equal(planes[1, 0].numpy(), Deep().depth(4))
    assert pictures.shape == (3, 3, 32, 32) and planes.dtype == torch.float32


def test_what_is_measured_on_is_never_trained_on(autoencoder: Autoencoder):
    task = DepthTask(DepthConfig(SMALL), Deep(), autoencoder, 0)
    pictures, again, planes = task.held(2)
    assert np.array_equal(planes[1, 0].numpy(), Deep().depth(HELD + 1))
    assert pictures.shape == again.shape == (2, 3, 32, 32) and not torch.equal(pictures, again)


def test_slopes_count_by_their_weight(autoencoder: Autoencoder):
    for weight in (0.0, 2.0):
        task = DepthTask(DepthConfig(SMALL, batch=3, slopes=weight), Deep(), autoencoder, 0)
        (turn,) = task.turns(0, next(task.batches(0)), torch.Generator().manual_seed(0))
        told = {name: float(value) for name, value in turn.figures.items()}
        assert told["slopes"] > 0
        assert told["loss"] == pytest.approx(told["l1"] + weight * told["slopes"])
        assert float(turn.loss.detach()) == pytest.approx(told["loss"])


def test_what_is_redrawn_is_shown_redrawn(autoencoder: Autoencoder):
    generator = torch.Generator().manual_seed(0)
    losses = []
    for part in (0.0, 1.0):
        task = DepthTask(DepthConfig(SMALL, batch=3, redrawn=part), Deep(), autoencoder, 0)
        (turn,) = task.turns(0, next(task.batches(0)), generator)
        losses.append(float(turn.loss.detach()))
    assert losses[0] != losses[1]
    assert task.sample(task.modules).size == (8 * 34, 4 * 34)
