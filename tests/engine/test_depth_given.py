"""Depth that is given as a picture: of 8 or 16 bits, of any size, to models of depth alone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.recipes import Engine, draw
from families.reduced import single, small
from mezzotint.engine.canvas import canvas, with_near
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.composing.originals import found_again, pictures_of
from mezzotint.families.export import export_diffusers
from mezzotint.values.errors import BadPicture, BadValue
from mezzotint.values.photo import Photo, read_plane
from mezzotint.values.recipe import Recipe
from mezzotint.values.source import InitPicture, Mask, MaskPicture, Source
from mezzotint.weights.files import save_tensors

RAMP = np.tile(np.arange(16, dtype=np.uint8) * 16, (16, 1))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a depth model without and with its own network, a picture, and pictures of depth."""
    folder = tmp_path_factory.mktemp("depth")
    export_diffusers(small("sd2-depth"), folder / "depth")
    bare = {key: tensor for key, tensor in single("sd2-depth").items() if not key.startswith("depth_model.")}
    save_tensors(bare, folder / "bare.safetensors")
    levels = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(levels).save(folder / "photo.png")
    Image.fromarray(RAMP).save(folder / "near.png")
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(folder / "fine.png")
    Image.fromarray(np.ascontiguousarray(RAMP[:, ::-1])).save(folder / "far.png")
    Image.new("L", (16, 16), 90).save(folder / "flat.png")
    return folder


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


def asked(place: Path, depth: str | None, **wishes: object) -> Recipe:
    own: dict[str, object] = {
        "model": str(place / "depth"),
        "image": place / "photo.png",
        "steps": 2,
        "seed": 5,
    }
    own |= {"sampler": "euler", "spacing": "leading", "width": 16, "height": 16}
    own |= {"depth": None if depth is None else place / depth}
    return compose("a red boat", **(own | wishes))  # pyright: ignore[reportArgumentType]


def drawn(engine: Engine, recipe: Recipe) -> np.ndarray:
    return np.asarray(draw(engine, recipe).image, dtype=int)


def test_what_is_given_counts_and_not_its_scale(place: Path, engine: Engine) -> None:
    near = drawn(engine, asked(place, "near.png"))
    assert np.array_equal(near, drawn(engine, asked(place, "fine.png")))
    for other in ("far.png", "flat.png", None):
        assert not np.array_equal(near, drawn(engine, asked(place, other)))


def test_where_depth_is_given_the_network_is_not_needed(place: Path, engine: Engine) -> None:
    bare = {"model": str(place / "bare.safetensors")}
    assert np.array_equal(
        drawn(engine, asked(place, "near.png", **bare)), drawn(engine, asked(place, "near.png"))
    )
    with pytest.raises(BadValue, match="lacks the depth network"):
        draw(engine, asked(place, None, **bare))


def test_a_further_pass_may_be_given_depth(place: Path, engine: Engine) -> None:
    def then(more: str) -> Recipe:
        text = f"model={place / 'depth'},steps=2,strength=0.8{more}"
        return compose("a red boat", model="toy", seed=5, steps=2, width=16, height=16, then=[text])

    recipe = then(f",depth={place / 'near.png'}")
    source = recipe.passes[1].source
    assert source is not None and source.depth is not None and source.depth.sha256 is not None
    assert not np.array_equal(drawn(engine, recipe), drawn(engine, then("")))


def test_the_recipe_holds_it_and_finds_it_again(place: Path, engine: Engine, tmp_path: Path) -> None:
    away = tmp_path / "near.png"
    away.write_bytes((place / "near.png").read_bytes())
    recipe = asked(place, str(away))
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert pictures_of(recipe) == {place / "photo.png", away}
    away.unlink()
    assert np.array_equal(drawn(engine, found_again(recipe, place)), drawn(engine, asked(place, "near.png")))
    away.write_bytes((place / "far.png").read_bytes())
    with pytest.raises(BadPicture, match="not the picture that was asked for"):
        draw(engine, recipe)


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"model": "toy"}, "depth: Toy .* does not look at how near things are; use a depth model"),
        ({"image": None}, "image: is missing, and something was said about it"),
    ],
)
def test_what_does_not_fit_is_refused(
    place: Path, engine: Engine, wishes: dict[str, object], told: str
) -> None:
    with pytest.raises((BadValue, BadPicture), match=told):
        draw(engine, asked(place, "near.png", **wishes))
    with pytest.raises(BadPicture, match="no such file"):
        asked(place, "nowhere.png")


def laid(depth: Image.Image, source: Source, size: tuple[int, int], mask: Photo | None = None) -> np.ndarray:
    photo = Photo(Image.new("RGB", (40, 20)))
    made = with_near(canvas(photo, mask, source, size), depth, photo.image.size, source)
    assert made.near is not None and made.near.mode == "F" and made.near.size == made.image.size
    return np.asarray(made.near)


def test_it_lies_where_the_picture_lies() -> None:
    """A ramp as wide as the picture, of half its size, comes to every place that the picture comes to."""
    picture = InitPicture(file="photo.png")
    ramp = Image.fromarray(np.tile(np.arange(20, dtype=np.float32), (10, 1)))
    assert np.allclose(
        laid(ramp, Source(picture=picture), (20, 20)).mean(0), np.arange(20) / 2 + 4.75, atol=0.3
    )
    wide = laid(ramp, Source(picture=picture, fit="stretch"), (20, 20)).mean(0)
    assert np.allclose(wide, np.arange(20), atol=0.3)
    more = laid(ramp, Source(picture=picture, extend=(8, 0, 4, 0)), (52, 20)).mean(0)
    assert (more[:8] == more[8]).all() and (more[-4:] == 19).all() and more[8] == 0
    half = Image.new("RGB", (40, 20))
    half.paste((255, 255, 255), (20, 0, 40, 20))
    mask = Mask(picture=MaskPicture(file="mask.png"), area="masked", padding=0)
    part = laid(ramp, Source(picture=picture, mask=mask), (20, 20), Photo(half))
    assert np.allclose(part.mean(0), np.arange(20) / 2 + 9.75, atol=0.3)


@pytest.mark.parametrize(
    ("levels", "mode", "expected"),
    [
        (np.full((8, 8), 100, np.uint8), None, 100),
        (np.full((8, 8), 1000, np.uint16), None, 1000 / 257),
        (np.full((8, 8), 0.25, np.float32), None, 63.75),
        (np.full((8, 8, 3), (200, 200, 200), np.uint8), None, 200),
        (np.full((8, 8), 200, np.uint8), "LA", 0),
    ],
)
def test_a_picture_of_numbers_keeps_its_fractions(
    levels: np.ndarray, mode: str | None, expected: float, tmp_path: Path
) -> None:
    image = Image.fromarray(levels)
    if mode is not None:
        image = image.convert(mode)
        image.putalpha(0)
    path = tmp_path / f"plane.{'tif' if levels.dtype == np.float32 else 'png'}"
    image.save(path)
    found = read_plane(path)
    assert found.mode == "F" and np.allclose(np.asarray(found), expected, rtol=1e-6)


def test_a_picture_of_numbers_is_turned_upright(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(8 * 12, dtype=np.uint16).reshape(8, 12))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    expected = np.rot90(np.arange(8 * 12).reshape(8, 12), -1) / 257
    assert np.allclose(np.asarray(read_plane(tmp_path / "turned.png")), expected, rtol=1e-6)


def test_one_that_is_no_number_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(tmp_path / "nan.tif")
    with pytest.raises(BadPicture, match="no numbers"):
        read_plane(tmp_path / "nan.tif")
