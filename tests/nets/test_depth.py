"""Behaviour of the depth network and of the plane made from its answer that needs no reference library."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mezzotint.nets.depth import DepthGeometry, DepthNet, depth_pixels, depth_plane, depth_size
from mezzotint.nets.depth_stem import StandardConv, padded
from mezzotint.values.errors import BadValue
from nets.depth_toys import TOY


def net() -> DepthNet:
    torch.manual_seed(0)
    return DepthNet(TOY).eval()


@torch.no_grad()
def test_depth_has_the_size_of_the_picture_and_is_never_negative() -> None:
    x = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 2 - 1
    depth = net()(x)
    assert depth.shape == (2, 1, 64, 96) and depth.min() >= 0
    assert torch.allclose(net()(x[1:]), depth[1:], atol=1e-6)


@torch.no_grad()
def test_weights_are_used_with_zero_mean_and_unit_variance() -> None:
    conv = StandardConv(3, 5, 3)
    x = torch.randn(1, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    expected = conv(x)
    conv.weight.mul_(7).add_(3)
    assert torch.allclose(conv(x), expected, atol=1e-4)
    flat = conv.weight.flatten(1)
    plain = (conv.weight - flat.mean(1).view(-1, 1, 1, 1)) / flat.std(1, unbiased=False).view(-1, 1, 1, 1)
    assert torch.allclose(torch.nn.functional.conv2d(x, plain, padding=1), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "size"), [(8, 3, 2, 9), (7, 3, 2, 9), (8, 7, 2, 13), (8, 1, 2, 8)]
)
def test_padding_is_that_of_tensorflow(side: int, kernel: int, stride: int, size: int) -> None:
    x = padded(torch.ones(1, 1, side, side), kernel, stride)
    assert x.shape[-1] == size and (size - kernel) // stride + 1 == -(-side // stride)
    assert x[0, 0, 0, 0] == (1.0 if size - side < 2 else 0.0)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((512, 512), (384, 384)),
        ((768, 512), (576, 384)),
        ((512, 768), (384, 576)),
        ((384, 1000), (384, 992)),
        ((200, 300), (256, 384)),
        ((4000, 10), (64, 32)),
    ],
)  # fmt: skip
def test_the_size_that_needs_the_least_change(given: tuple[int, int], wanted: tuple[int, int]) -> None:
    size = depth_size(*given)
    assert all(s % 32 == 0 and s > 0 for s in size)
    if given != (4000, 10):
        assert size == wanted
    pixels = torch.zeros(1, 3, *given)
    assert tuple(depth_pixels(pixels).shape[-2:]) == size


@given(height=st.integers(8, 5000), width=st.integers(8, 5000))
def test_any_size_becomes_one_the_network_takes(height: int, width: int) -> None:
    size = depth_size(height, width)
    assert all(side % 32 == 0 and side >= 32 for side in size)
    assert min(abs(side - 384) for side in size) == 0
    tall = size[0] / size[1] / (height / width)
    assert 0.5 < tall < 2 or min(size) <= 64
    assert depth_size(width, height) == size[::-1] or abs(1 - 384 / height) == abs(1 - 384 / width)


def test_a_plane_fills_its_range() -> None:
    depth = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)) * 90 + 5
    plane = depth_plane(depth, (8, 12))
    assert plane.shape == (2, 1, 8, 12)
    assert torch.allclose(plane.amin(dim=(1, 2, 3)), torch.full((2,), -1.0))
    assert torch.allclose(plane.amax(dim=(1, 2, 3)), torch.ones(2), atol=1e-3)
    assert torch.equal(depth_plane(torch.full((1, 1, 8, 8), 3.0), (4, 4)), torch.full((1, 1, 4, 4), -1.0))
    assert torch.allclose(depth_plane(5 * depth + 9, (8, 12)), plane, atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"heads": 3},
        {"layers": 0},
        {"side": 40},
        {"groups": 5},
        {"taps": (2, 1)},
        {"taps": (0, 3)},
        {"fusion": 1},
    ],
)
def test_bad_geometry(change: dict[str, object]) -> None:
    with pytest.raises(BadValue):
        replace(TOY, **change)  # pyright: ignore[reportArgumentType]


def test_pixels_that_do_not_divide() -> None:
    with pytest.raises(BadValue, match="multiples of 32"):
        net()(torch.zeros(1, 3, 64, 48))


def test_the_published_geometry() -> None:
    assert DepthGeometry().stages[-1] == 1024
