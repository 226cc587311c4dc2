"""LPIPS as a distance, and the reader of its pickled weights."""

import torch

from mezzotint.train.lpips import WIDTHS, Lpips


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
