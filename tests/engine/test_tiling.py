"""Pictures in tiles, seamless pictures and large decodes: through the engine, on toy networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.recipes import Engine, draw, first, pixels, recipe
from families.reduced import SMALL_SD3
from mezzotint.diffusion.tiles import Tile
from mezzotint.engine import stages, tiling
from mezzotint.evaluate.seams import seams
from mezzotint.families import toy
from mezzotint.families.sd3 import SD3_MEDIUM
from mezzotint.families.sdxl import SDXL
from mezzotint.nets.conditioning import Conditioning
from mezzotint.values.errors import BadValue
from mezzotint.values.tiling import Tiling


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


def array(engine: Engine, **wishes: object) -> np.ndarray:
    return np.asarray(draw(engine, recipe(**wishes)).image).astype(float)


def away(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


def test_a_tile_of_the_whole_picture_is_no_tile(engine: Engine) -> None:
    assert away(array(engine, tile=32), array(engine)) == 0
    assert away(array(engine, tile=16), array(engine)) > 2


def test_a_picture_in_tiles_is_one_picture_of_its_recipe(engine: Engine) -> None:
    recipes = [recipe(width=48, tile=16, seed=seed) for seed in (1, 2)]
    assert pixels(engine, recipes) == pixels(engine, recipes[::-1])[::-1]
    fast = [
        r.model_copy(update={"numerics": r.numerics.model_copy(update={"mode": "fast"})}) for r in recipes
    ]
    for one, other in zip(pixels(engine, recipes), pixels(engine, fast), strict=True):
        assert np.abs(np.frombuffer(one, np.uint8).astype(int) - np.frombuffer(other, np.uint8)).max() <= 2


def test_options_of_tiles_change_the_picture(engine: Engine) -> None:
    base = array(engine, width=64, tile=32)
    for option in ({"tile_overlap": 8}, {"tile_window": "flat"}, {"tile_window": "gaussian"}):
        assert away(array(engine, width=64, tile=32, **option), base) > 0


def test_texts_weights_and_guides_work_over_tiles(engine: Engine) -> None:
    wishes = {"width": 48, "tile": 32, "negative": "blue", "guidance": 5.0}
    plain = array(engine, **wishes)
    assert away(array(engine, **wishes, prompt="a cat AND a red apple:0.5"), plain) > 0
    assert away(array(engine, **wishes, guide=["pag:2"]), plain) > 0
    with pytest.raises(BadValue, match="tile: a guide looks into"):
        draw(engine, recipe(**wishes, guide=["sag"]))


def test_a_tile_that_patches_do_not_divide_is_refused() -> None:
    with pytest.raises(BadValue, match="tile: 24 is not a multiple of 16"):
        tiling.tiles_for(first(recipe(width=64, height=64, tile=24)), SD3_MEDIUM)


def test_tiles_give_a_transformer_room() -> None:
    """It has places for 12 patches of 16 pixels a side."""
    model, cpu = toy.make(SMALL_SD3), torch.device("cpu")
    size = {"width": 256, "height": 64, "sampler": "euler", "spacing": "trailing"}
    with pytest.raises(BadValue, match="use at most 192, or a tile of that"):
        stages.begin(model, [first(recipe(**size))], cpu)
    assert stages.begin(model, [first(recipe(**size, tile=128))], cpu).x.shape[-1] == 32


def test_a_model_without_convolutions_cannot_be_seamless(engine: Engine) -> None:
    opened = engine._models.get(recipe().passes[0].model, "float32")
    other = replace(opened, model=toy.make(SMALL_SD3))
    with pytest.raises(BadValue, match=r"seamless: .* has no convolutions"):
        tiling.for_picture(other, first(recipe(seamless="x")))


BORDERS = {32: [32, 64, 96, 128], 0: [48, 64, 96, 112]}
"""The edges of tiles of 64 pixels in 160, by what they share at least."""


@pytest.mark.parametrize(("overlap", "window", "shows"), [(32, None, False), (0, "flat", True)])
def test_borders_of_tiles_do_not_show(engine: Engine, overlap: int, window: str | None, shows: bool) -> None:
    """The embedded model, whose pictures have something to be cut; the control are tiles that hardly overlap."""
    wishes = {
        "model": "mini",
        "width": 160,
        "height": 160,
        "tile": 64,
        "steps": 4,
        "sampler": "euler",
        "seed": 1,
    }
    made = array(engine, prompt="red apples", **wishes, tile_overlap=overlap, tile_window=window)
    assert (seams(made, BORDERS[overlap], BORDERS[overlap]).p < 0.05) == shows


@pytest.mark.parametrize(("axes", "dims"), [("x", (1,)), ("y", (0,)), ("both", (0, 1))])
@pytest.mark.parametrize("tile", [None, 24])
def test_seamless_edges_join(engine: Engine, axes: str, dims: tuple[int, ...], tile: int | None) -> None:
    """The step over the edge is no larger than steps inside; without the option it is."""
    wishes = {"width": 64, "height": 64, "steps": 4, "tile": tile}
    joined = np.roll(array(engine, **wishes, seamless=axes), [32] * len(dims), dims)
    cut = np.roll(array(engine, **wishes), [32] * len(dims), dims)
    places = {dim: [32] for dim in dims}
    assert max(seams(joined, places.get(0, ()), places.get(1, ())).shares) < 1
    assert away(joined, cut) > 2


def test_a_seamless_picture_leaves_nothing_behind(engine: Engine) -> None:
    before = array(engine)
    steps = engine.run(recipe(seamless="both"))
    for _ in range(2):
        next(steps)
    assert away(array(engine), before) == 0
    for _ in steps:
        pass
    assert away(array(engine), before) == 0


def test_only_axes_that_one_tile_spans_are_left_to_the_network() -> None:
    def left(**wishes: object) -> str | None:
        return tiling.left_to_wrap(first(recipe(width=64, height=32, **wishes)), toy.TOY)

    assert left(seamless="both") == "both"
    assert left(seamless="both", tile=32) == "y"
    assert left(seamless="x", tile=32) is None
    assert left(seamless="both", tile=16) is None
    assert left(seamless="x", tile=64) == "x"


def test_large_pictures_are_decoded_in_bands_to_the_same(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = tiling.large.decode

    def spied(net: object, z: torch.Tensor, side: int, wrap: bool) -> torch.Tensor:
        calls.append(side)
        return real(net, z, side, wrap)

    monkeypatch.setattr(tiling.large, "decode", spied)
    whole = array(engine, width=64, height=128)
    assert calls == []
    assert away(array(engine, width=64, height=128, decode_tile=64), whole) <= 1
    assert calls == [64]


def test_encoding_in_bands_is_encoding() -> None:
    net = toy.make().autoencoder
    x = torch.rand(1, 3, 192, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        for made, whole in zip(tiling.encoded(net, x, Tiling(decode_tile=64)), net.encode(x), strict=True):
            assert (made - whole).abs().max() <= 1e-5 * whole.abs().max()
        assert torch.equal(tiling.encoded(net, x, Tiling())[0], net.encode(x)[0])


def test_each_tile_is_told_its_sizes() -> None:
    cond = Conditioning(
        torch.zeros(1, 1, 1),
        numbers=torch.tensor([[64.0, 96, 0, 0, 64, 96]]),
        planes=torch.arange(96.0).view(1, 1, 8, 12),
    )
    made = tiling._cut(cond, Tile(2, 4, 3, 5), SDXL)
    assert made.numbers is not None and made.numbers.tolist() == [[64, 96, 16, 32, 24, 40]]
    assert made.planes is not None and torch.equal(made.planes, cond.planes[..., 2:5, 4:9])
    assert cond.numbers is not None and cond.numbers[0, 2] == 0
    assert tiling._cut(cond, Tile(2, 4, 3, 5), toy.TOY).numbers is cond.numbers


def test_work_is_that_of_a_tile() -> None:
    assert tiling.seen_at_once(first(recipe(width=64, height=32))) == (64, 32)
    assert tiling.seen_at_once(first(recipe(width=64, height=16, tile=32))) == (32, 16)
