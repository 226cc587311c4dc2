"""Tiles cover a latent, their windows blend, and a call over tiles is the weighted mean of calls."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.diffusion.denoise import Reply, Request
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.tiles import WINDOWS, Tile, flat, smooth, starts, tiled, tiles_of
from mezzotint.values import names
from mezzotint.values.errors import BadValue

ONE = torch.ones(())
LEVEL = Level(t=ONE, alpha=ONE, sigma=ONE)
REQUEST = Request(("positive", "negative"), "", LEVEL)


def latent(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def local(tiles):
    """A network whose answer for a pixel depends on that pixel alone: tiles cannot change it."""
    return lambda x, t, request: Reply(torch.stack([x * 2, x - t.reshape(-1, 1, 1, 1)]))


sizes = st.tuples(st.integers(1, 60), st.integers(1, 20), st.integers(0, 19), st.booleans()).filter(
    lambda given: given[2] < given[1]
)


@given(sizes)
def test_tiles_cover_everything_and_overlap_as_asked(given):
    size, length, overlap, wraps = given
    places = starts(size, length, overlap, wraps)
    if length >= size:
        assert places == (0,)
        return
    covered = {(start + i) % size for start in places for i in range(length)}
    assert covered == set(range(size))
    after = places[1:] + ((places[0] + size,) if wraps else ())
    assert all(a + length - b >= overlap for a, b in zip(places, after, strict=False))
    if not wraps:
        assert places[0] == 0 and places[-1] + length == size


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.sampled_from(sorted(WINDOWS)), st.integers(1, 3))
def test_a_network_without_neighbours_answers_as_without_tiles(one, two, window, together):
    (height, length, overlap, down), (width, _, _, across) = one, two
    x, t = latent(2, 3, height, width), torch.tensor([1.0, 2.0], dtype=torch.float64)
    tiles = tiles_of(height, width, length, overlap, (down, across))
    call = tiled(local, tiles, overlap, WINDOWS[window], together)
    whole = local(tiles)(x, t, REQUEST).outputs
    made = call(x, t, REQUEST).outputs
    assert made.shape == whole.shape
    assert (made - whole).abs().max() <= 1e-12


def test_the_mean_is_weighted_by_the_windows():
    """Two tiles of one row; the network answers with the number of the tile."""
    tiles = (Tile(0, 0, 1, 4), Tile(0, 2, 1, 4))

    def numbered(group):
        return lambda x, t, request: Reply(torch.full_like(x, float(group[0].left))[None])

    x, request = torch.zeros(1, 1, 1, 6, dtype=torch.float64), Request(("positive",), "", LEVEL)
    by = {
        name: tiled(numbered, tiles, 2, window)(x, ONE.reshape(1), request).outputs.flatten().tolist()
        for name, window in WINDOWS.items()
    }
    assert by["flat"] == [0, 0, 1, 1, 2, 2]
    assert by["smooth"] == pytest.approx([0, 0, 0.292893, 1.707107, 2, 2], abs=1e-6)
    # exp(-8 (3/8)^2) against exp(-8 (1/8)^2)
    assert by["gaussian"] == pytest.approx([0, 0, 0.537883, 1.462117, 2, 2], abs=1e-6)


def test_neighbours_of_the_smooth_window_have_the_sum_one():
    window = smooth(10, 4)
    assert torch.allclose(window[:4] + window[-4:], torch.ones(4, dtype=torch.float64))
    assert bool((window[4:6] == 1).all()) and bool((window > 0).all())
    assert bool((smooth(3, 0) == 1).all())


def test_one_tile_is_the_call_itself():
    x = latent(1, 2, 5, 7)
    call = tiled(local, tiles_of(5, 7, 9, 3), 3)
    assert torch.allclose(call(x, ONE.reshape(1), REQUEST).outputs, local(())(x, ONE, REQUEST).outputs)


def test_tiles_may_be_of_one_side_only():
    assert tiles_of(4, 10, 6, 2) == (Tile(0, 0, 4, 6), Tile(0, 4, 4, 6))


def test_around_the_edge():
    x = torch.arange(12.0).reshape(3, 4)
    assert Tile(2, 3, 2, 2).of(x).tolist() == [[11, 8], [3, 0]]
    assert Tile(1, 1, 2, 2).of(x).tolist() == [[5, 6], [9, 10]]


def test_each_group_is_asked_for_by_its_tiles():
    asked = []

    def call_of(group):
        asked.append(group)
        return local(group)

    tiles = tiles_of(6, 6, 4, 2)
    tiled(call_of, tiles, 2, flat, together=3)(latent(1, 1, 6, 6), ONE.reshape(1), REQUEST)
    assert asked == [tiles[:3], tiles[3:]]


def test_taps_are_refused():
    def tapped(group):
        return lambda x, t, request: Reply(x[None], {"mid": x})

    with pytest.raises(BadValue, match="tile: a guide looks into"):
        tiled(tapped, tiles_of(6, 6, 4, 2), 2)(latent(1, 1, 6, 6), ONE.reshape(1), REQUEST)


@pytest.mark.parametrize("overlap", [-1, 4, 9])
def test_an_overlap_that_leaves_no_step_is_refused(overlap):
    with pytest.raises(BadValue, match=f"tile_overlap: tiles of 4 cannot overlap by {overlap}"):
        tiles_of(8, 8, 4, overlap)


def test_the_names_are_those_that_recipes_know():
    assert tuple(WINDOWS) == names.WINDOWS
