"""Behaviour of the autoencoder that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from mezzotint.nets.autoencoder import Autoencoder
from mezzotint.values.errors import BadValue
from nets.toys import AUTOENCODER, autoencoder, error


def picture(batch: int = 2, height: int = 16, width: int = 16) -> torch.Tensor:
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(4)) * 2 - 1


@torch.no_grad()
def test_shapes_and_factor() -> None:
    net = autoencoder()
    mean, logvar = net.encode(picture(height=6, width=10))
    assert net.geometry.factor == 2
    assert mean.shape == logvar.shape == (2, 4, 3, 5)
    assert net.decode(mean).shape == (2, 3, 6, 10)
    assert torch.equal(net(picture()), net.decode(net.encode(picture())[0]))


@torch.no_grad()
def test_log_variance_is_held_in_range() -> None:
    net = autoencoder()
    assert net.quant is not None
    assert net.quant.bias is not None
    net.quant.bias[4:] = torch.tensor([1e4, -1e4, 0.0, 0.0])
    logvar = net.encode(picture())[1]
    assert logvar[:, 0].min() == 20.0
    assert logvar[:, 1].max() == -30.0


@torch.no_grad()
def test_images_of_a_batch_do_not_meet() -> None:
    net = autoencoder()
    x = picture(batch=3)
    mean = net.encode(x)[0]
    assert error(net.encode(x[1:2])[0], mean[1:2]) <= 1e-5
    assert error(net.decode(mean[2:]), net.decode(mean)[2:]) <= 1e-5


def test_it_learns_everywhere() -> None:
    torch.manual_seed(0)
    net = Autoencoder(AUTOENCODER)
    x = picture()
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    losses: list[float] = []
    for _ in range(30):
        optimizer.zero_grad()
        mean, logvar = net.encode(x)
        loss = (net.decode(mean) - x).square().mean() + 1e-3 * logvar.square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # A key bias moves all scores of a query alike, so its gradient is zero but for rounding.
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert [name for name in without if not name.endswith("k.bias")] == []
    assert losses[-1] < 0.8 * losses[0]


@torch.no_grad()
def test_other_precisions() -> None:
    net, x = autoencoder(), picture()
    expected = net(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert error(net(x).float(), expected) <= 0.1
    moved = net.to(memory_format=torch.channels_last)
    assert error(moved(x.to(memory_format=torch.channels_last)), expected) <= 1e-5
    assert error(net.bfloat16()(x.bfloat16()).float(), expected) <= 0.1


@torch.no_grad()
def test_exports_without_data_dependence() -> None:
    net, x = autoencoder(), picture()
    program = torch.export.export(net, (x,)).module()
    assert error(program(-x), net(-x)) <= 1e-5


@pytest.mark.parametrize(
    "change", [{"channels": ()}, {"channels": (8, 6)}, {"layers": 0}, {"latent": 0}, {"norm_groups": 3}]
)
def test_bad_geometry(change: dict[str, object]) -> None:
    with pytest.raises(BadValue):
        replace(AUTOENCODER, **change)  # pyright: ignore[reportArgumentType]


def test_an_image_the_factor_does_not_divide() -> None:
    with pytest.raises(BadValue, match="multiples of 2"):
        autoencoder().encode(picture(height=15))
