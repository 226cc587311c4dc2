"""What a recipe says of tiles and edges, and what of it is refused."""

import pytest

from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.infotext import options, parse, render
from mezzotint.values.options import assemble, flatten
from mezzotint.values.tiling import Tiling
from values.samples import PLAIN


def test_neighbours_share_a_half_where_nothing_is_said() -> None:
    assert [Tiling(tile=tile).shared for tile in (16, 64, 512, 768, 88)] == [8, 32, 256, 384, 40]
    assert Tiling(tile=64, overlap=0).shared == 0
    assert Tiling().shared == 0


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"overlap": 8}, "tile_overlap: there are no tiles; give the side of a tile, too"),
        ({"window": "flat"}, "tile_window: there are no tiles; give the side of a tile, too"),
        ({"tile": 64, "overlap": 64}, "tile_overlap: 64 is all of a tile of 64; use less"),
        ({"tile": 60}, "tile: 60 is not a multiple of 8; use 16 to 4096 in steps of 8"),
        ({"decode_tile": 8}, "decode_tile: 8 is out of range; use 64 to 4096 in steps of 8"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, object], text: str) -> None:
    with pytest.raises(BadValue) as caught:
        Tiling.model_validate(given)
    assert str(caught.value) == text


@pytest.mark.parametrize("given", [{"seamless": "z"}, {"tile": 64, "window": "round"}])
def test_unknown_names_are_told(given: dict[str, object]) -> None:
    with pytest.raises(UnknownName, match=r"unknown (seamless|tile_window)"):
        Tiling.model_validate(given)


@pytest.mark.parametrize(
    ("axes", "wraps"),
    [(None, (False, False)), ("x", (False, True)), ("y", (True, False)), ("both", (True, True))],
)
def test_axes(axes: str | None, wraps: tuple[bool, bool]) -> None:
    assert Tiling(seamless=axes).wraps == wraps


def test_bands_depend_on_the_size_alone() -> None:
    assert Tiling().in_bands(1024, 1024) is None
    assert Tiling().in_bands(1032, 1024) == 1024
    assert Tiling(decode_tile=512).in_bands(512, 520) == 512
    assert Tiling(decode_tile=4096).in_bands(4096, 4096) is None


def test_the_web_uis_word_for_seamless_pictures() -> None:
    recipe = assemble({**flatten(PLAIN), "seamless": "both"}, {})
    assert "Tiling: True" in render(recipe)
    assert options(parse(render(recipe)))["seamless"] == "both"
    for axes in (None, "x"):
        assert "Tiling" not in render(assemble({**flatten(PLAIN), "seamless": axes}, {}))
