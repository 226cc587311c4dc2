"""Behaviour of the vision tower and its input that needs no reference library."""

from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from mezzotint.nets.vision import VIT_BIG_G_14, VIT_H_14, VIT_L_14, ClipVision, VisionGeometry
from mezzotint.nets.vision_input import NARROWEST, clip_pixels, middle_square
from mezzotint.values.errors import BadValue, UnknownName

TOY = VisionGeometry(16, 4, 16, 2, 2, 24, "gelu", 8)


def tower(geometry: VisionGeometry = TOY) -> ClipVision:
    torch.manual_seed(0)
    return ClipVision(geometry).eval()


@torch.no_grad()
def test_shapes_with_and_without_a_projection() -> None:
    x = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    states = tower()(x)
    assert states.tokens.shape == (3, 17, 16) and states.pooled.shape == (3, 8)
    assert tower(replace(TOY, projection=None))(x).pooled.shape == (3, 16)


@torch.no_grad()
def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    net = tower()
    assert torch.allclose(net(x).pooled[1:], net(x[1:]).pooled, atol=1e-6)


def test_the_published_towers() -> None:
    assert [g.length for g in (VIT_L_14, VIT_H_14, VIT_BIG_G_14)] == [257] * 3
    assert replace(TOY, side=18).length == TOY.length


@pytest.mark.parametrize("change", [{"heads": 3}, {"layers": 0}, {"projection": 0}, {"patch": 17}])
def test_bad_geometry(change: dict[str, int]) -> None:
    with pytest.raises(BadValue):
        replace(TOY, **change)


def test_unknown_activation() -> None:
    with pytest.raises(UnknownName, match="gelu"):
        replace(TOY, activation="gello")


@pytest.mark.parametrize("shape", [(1, 3, 15, 16), (1, 4, 16, 16), (3, 16, 16)])
def test_pixels_of_another_size(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadValue, match="prepare pictures"):
        tower()(torch.zeros(shape))


@pytest.mark.parametrize("skip", [-1, 2])
def test_a_skip_that_leaves_no_layer(skip: int) -> None:
    with pytest.raises(BadValue, match="leave out"):
        tower()(torch.zeros(1, 3, 16, 16), skip)


def test_the_middle_of_a_wide_picture() -> None:
    wide = Image.new("RGB", (30, 10))
    wide.paste((255, 0, 0), (10, 0, 20, 10))
    assert middle_square(wide, 10).getcolors() == [(100, (255, 0, 0))]


@given(width=st.integers(1, 700), height=st.integers(1, 700), side=st.integers(1, 64))
def test_any_picture_becomes_a_square(width: int, height: int, side: int) -> None:
    assume(max(width, height) / min(width, height) <= NARROWEST)
    square = middle_square(Image.new("L", (width, height), 255), side)
    assert square.size == (side, side) and square.getcolors() == [(side * side, (255, 255, 255))]


def test_no_pictures() -> None:
    with pytest.raises(BadValue, match="at least one"):
        clip_pixels([], 8)
    with pytest.raises(BadValue, match="with pixels"):
        clip_pixels([Image.new("RGB", (0, 4))], 8)
    with pytest.raises(BadValue, match="too narrow"):
        clip_pixels([Image.new("RGB", (3, 301))], 8)
