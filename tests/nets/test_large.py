"""Encoding and decoding over bands of rows equal those of the whole picture, and need less memory."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.nets import bands, large
from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from mezzotint.nets.wrapping import wrapped
from nets.toys import error, noisy

DEEP = AutoencoderGeometry((8, 8, 16, 16), 1, 4, norm_groups=4)
BOUND = 1e-5


def deep(geometry: AutoencoderGeometry = DEEP) -> Autoencoder:
    """A toy with all four levels of the published autoencoders."""
    net = Autoencoder(geometry).eval()
    noisy(net)
    return net


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


# A side of 8 keeps nothing between the levels, 32 a part, 48 most; each computes with several bands.
@pytest.mark.parametrize("side", [8, 16, 32, 48])
@torch.no_grad()
def test_decoding_in_bands_is_decoding(side: int) -> None:
    net, z = deep(), random(2, 4, 24, 9)
    whole = net.decode(z)
    assert error(large.decode(net, z, side), whole) <= BOUND
    assert error(large.decode(net, z * 1.01, side), whole) > BOUND


@pytest.mark.parametrize("side", [8, 16, 32, 48])
@torch.no_grad()
def test_encoding_in_bands_is_encoding(side: int) -> None:
    net, x = deep(), random(2, 3, 192, 40)
    for made, whole in zip(large.encode(net, x, side), net.encode(x), strict=True):
        assert error(made, whole) <= BOUND
    assert error(large.encode(net, x.flip(-1), side)[0], net.encode(x)[0]) > BOUND


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    st.integers(1, 20),
    st.integers(1, 6),
    st.integers(4, 40),
    st.sampled_from([(8,), (8, 16), (16, 8, 24)]),
    st.integers(1, 2),
    st.booleans(),
)
def test_any_geometry_and_size(
    height: int, width: int, side: int, channels: tuple[int, ...], layers: int, quant: bool
) -> None:
    net = deep(AutoencoderGeometry(channels, layers, 4, norm_groups=4, quant=quant))
    z, factor = random(1, 4, height, width), net.geometry.factor
    x = random(1, 3, height * factor, width * factor)
    with torch.no_grad():
        assert error(large.decode(net, z, side), net.decode(z)) <= BOUND
        assert error(large.encode(net, x, side)[0], net.encode(x)[0]) <= BOUND


@torch.no_grad()
def test_without_rows_around_a_band_there_are_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: it is the rows around each band that make it exact."""
    net, z = deep(), random(1, 4, 24, 9)
    stages = [replace(stage, after=0) for stage in large._decoding(net.decoder)]
    monkeypatch.setattr(large, "_decoding", lambda decoder: stages)
    assert error(large.decode(net, z, 8), net.decode(z)) > 100 * BOUND


@torch.no_grad()
def test_with_the_norms_of_each_band_the_colours_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: it is the mean and variance of the whole picture that make it exact."""
    net, z = deep(), random(1, 4, 24, 9)
    net_whole = net.decode(z)
    monkeypatch.setattr(bands, "_normed", lambda known: lambda norm, x: torch.nn.functional.silu(norm(x)))
    assert error(large.decode(net, z, 8), net_whole) > 100 * BOUND


@torch.no_grad()
def test_bfloat16_stays_as_near_as_its_own_rounding() -> None:
    net, z = deep(), random(1, 4, 24, 9)
    exact = net.decode(z)
    net, z = net.to(torch.bfloat16), z.to(torch.bfloat16)
    made = large.decode(net, z, 16)
    assert made.dtype is torch.bfloat16
    assert error(made.float(), exact) <= 2 * error(net.decode(z).float(), exact)


@torch.no_grad()
def test_a_picture_of_the_size_that_is_allowed_is_computed_at_once() -> None:
    net, z = deep(), random(1, 4, 4, 4)
    assert torch.equal(large.decode(net, z, 64), net.decode(z))


@torch.no_grad()
def test_a_picture_that_goes_on_at_its_edges() -> None:
    net, z = wrapped(deep(), "both"), random(1, 4, 24, 9)
    whole = net.decode(z)
    assert error(large.decode(net, z, 8, wrap=True), whole) <= BOUND
    assert error(large.decode(net, z, 8), whole) > BOUND


def test_gradients_flow() -> None:
    net, z = deep(), random(1, 4, 24, 9).requires_grad_()
    large.decode(net, z, 16).square().sum().backward()
    other = z.detach().clone().requires_grad_()
    net.decode(other).square().sum().backward()
    assert z.grad is not None and other.grad is not None
    assert error(z.grad, other.grad) <= 1e-4


class Largest(torch.utils._python_dispatch.TorchDispatchMode):
    """Remembers how many values the largest tensor had that anything made."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple | list) else (made,):
            if isinstance(one, torch.Tensor):
                self.values = max(self.values, one.numel())
        return made


@torch.no_grad()
def test_no_tensor_is_larger_than_allowed() -> None:
    net = deep()
    found: dict[int, int] = {}
    for rows in (24, 48, 96):
        with Largest() as largest:
            made = large.decode(net, random(1, 4, rows, 4), 48)
        found[rows] = largest.values
        assert made.shape[-2] == 8 * rows
        assert largest.values <= max(made.numel(), 8 * 48 * 48)
    with Largest() as whole:
        net.decode(random(1, 4, 96, 4))
    assert whole.values > 2 * found[96]
