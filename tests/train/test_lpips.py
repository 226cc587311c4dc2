"""LPIPS as a distance, and the reader of its pickled weights."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mezzotint.train.lpips import WIDTHS, Lpips
from mezzotint.train.unpickle import arrays, convert


class Hostile:
    """Runs a command when a plain unpickler reads it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_arrays_come_through_in_a_child_process(tmp_path: Path) -> None:
    nest = {
        "Net": {
            "Conv_0": {"kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.ones(3, np.float32)}
        }
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(nest, protocol=3))
    convert(tmp_path / "a.pkl", tmp_path / "a.safetensors")
    found = load_file(tmp_path / "a.safetensors")
    assert set(found) == {"Net/Conv_0/kernel", "Net/Conv_0/bias"}
    assert np.array_equal(found["Net/Conv_0/kernel"], nest["Net"]["Conv_0"]["kernel"])


@pytest.mark.parametrize("where", ["top", "inside", "object array"])
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, where: str) -> None:
    hostile = Hostile(tmp_path / "owned")
    content = {"top": hostile, "inside": {"a": {"b": hostile}}, "object array": {"a": np.array([hostile])}}[
        where
    ]
    data = pickle.dumps(content, protocol=4)
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(ValueError, match="not part of an array"):
        convert(tmp_path / "a.pkl", tmp_path / "a.safetensors")
    assert not (tmp_path / "owned").exists()
    assert not (tmp_path / "a.safetensors").exists()
    pickle.loads(data)
    assert (tmp_path / "owned").exists(), "the pickle of this test is harmless, so it tests nothing"


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x04", b"not a pickle", pickle.dumps([1, 2]), pickle.dumps({"a": "text"})]
)
def test_what_holds_no_arrays_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(ValueError):
        convert(tmp_path / "a.pkl", tmp_path / "a.safetensors")


def test_arrays_refuses_names_outside_its_list() -> None:
    with pytest.raises(pickle.UnpicklingError):
        arrays(pickle.dumps(os.getcwd))


def test_lpips_is_a_distance_of_unit_features() -> None:
    network = Lpips()
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    noise = torch.randn(x.shape)
    distances = [network(x + amount * noise, x) for amount in (0.0, 0.1, 0.5)]
    assert torch.equal(distances[0], torch.zeros(2))
    assert bool((distances[0] < distances[1]).all() and (distances[1] < distances[2]).all())
    lengths = [f.square().sum(1).sqrt() for f in network.features(x)]
    assert all(bool(((n - 1).abs() < 1e-3).logical_or(n == 0).all()) for n in lengths)
    assert [f.shape[1] for f in network.features(x)] == list(WIDTHS)
    assert not any(p.requires_grad for p in network.parameters())


def test_lpips_lets_gradients_through_to_the_first_picture_only() -> None:
    network = Lpips()
    a, b = (torch.rand(1, 3, 64, 64, requires_grad=True) for _ in range(2))
    network(a, b).sum().backward()
    assert a.grad is not None
    assert float(a.grad.abs().sum()) > 0
    assert b.grad is None
