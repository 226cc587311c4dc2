"""Models that look at a picture besides reading a text: what they draw, at which size, and what they refuse."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.recipes import Engine, draw, pixels
from families.reduced import FAMILIES, single, small
from mezzotint.engine.composing.compose import Lists, compose
from mezzotint.engine.composing.redrawing import edited, enlarged, varied
from mezzotint.families.export import export_diffusers
from mezzotint.values.errors import BadValue
from mezzotint.values.guides import Cfg, ImageCfg
from mezzotint.values.recipe import Numerics, Recipe
from mezzotint.weights.files import save_tensors

LOOKING = ("sd1-pix2pix", "sd2-depth", "sd2-unclip", "x4-upscaler")
Asked = Callable[..., Recipe]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @cache
    def of(name: str) -> Path:
        path = tmp_path_factory.mktemp("models") / name
        export_diffusers(small(name), path)
        return path

    return of


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of 12 x 8 pixels, with another one beside it."""
    base = tmp_path_factory.mktemp("photos")
    down, across = np.mgrid[0:8, 0:12]
    levels = np.stack([across * 20, down * 30, 255 - across * 10 - down * 10], axis=2).astype(np.uint8)
    Image.fromarray(levels).save(base / "photo.png")
    Image.fromarray(255 - levels[::-1]).save(base / "other.png")
    return base / "photo.png"


@pytest.fixture(scope="module")
def asked(folder: Callable[[str], Path], photo: Path) -> Asked:
    def of(name: str, **wishes: object) -> Recipe:
        own: dict[str, object] = {"image": photo, "model": str(folder(name)), "steps": 2, "seed": 5}
        own |= {"sampler": "euler", "spacing": "leading"}
        if name != "x4-upscaler":
            own |= {"width": 16, "height": 16}
        return compose("a red boat", **(own | wishes))  # pyright: ignore[reportArgumentType]

    return of


def array(engine: Engine, recipe: Recipe) -> np.ndarray:
    return np.asarray(draw(engine, recipe).image, dtype=int)


@pytest.mark.parametrize("name", LOOKING)
def test_the_picture_is_seen(name: str, engine: Engine, asked: Asked, photo: Path) -> None:
    drawn = array(engine, asked(name))
    assert drawn.std() > 5
    assert np.array_equal(drawn, array(engine, asked(name)))
    assert np.abs(drawn - array(engine, asked(name, image=photo.with_name("other.png")))).mean() > 1


@pytest.mark.parametrize("name", LOOKING)
def test_a_batch_is_its_pictures_alone(name: str, engine: Engine, asked: Asked) -> None:
    recipes = [asked(name), asked(name, seed=6, negative="blue")]
    fast = [recipe.model_copy(update={"numerics": Numerics(mode="fast")}) for recipe in recipes]
    for one, other in zip(pixels(engine, recipes), pixels(engine, fast), strict=True):
        assert np.abs(np.frombuffer(one, "u1").astype(int) - np.frombuffer(other, "u1")).max() <= 1


@pytest.mark.parametrize(
    ("name", "strength"), [("sd2-depth", 0.8), ("sd2-unclip", 1.0), ("sd1-pix2pix", 1.0)]
)
def test_each_has_a_strength_of_its_own(name: str, strength: float, asked: Asked) -> None:
    source = asked(name).passes[0].source
    assert source is not None and source.strength == strength


def test_depth_keeps_to_a_mask_as_other_models_do(
    engine: Engine, asked: Asked, photo: Path, tmp_path: Path
) -> None:
    Image.open(photo).resize((16, 16)).save(tmp_path / "square.png")
    mask = Image.new("L", (16, 16), 0)
    mask.paste(255, (8, 0, 16, 16))
    mask.save(tmp_path / "mask.png")
    wishes = {"image": tmp_path / "square.png", "mask": tmp_path / "mask.png", "strength": 1.0}
    one, other = (array(engine, asked("sd2-depth", seed=seed, **wishes)) for seed in (5, 9))
    assert np.array_equal(one[:, :8], other[:, :8]) and not np.array_equal(one[:, 8:], other[:, 8:])


@pytest.mark.parametrize(
    ("side", "shape"), [({}, (32, 48)), ({"width": 96}, (64, 96)), ({"height": 16}, (16, 24))]
)
def test_the_upscaler_draws_four_times_as_large(
    side: dict[str, int], shape: tuple[int, int], engine: Engine, asked: Asked
) -> None:
    assert array(engine, asked("x4-upscaler", **side)).shape == (*shape, 3)


def test_the_upscaler_takes_odd_sizes_and_keeps_transparency(
    engine: Engine, asked: Asked, tmp_path: Path
) -> None:
    picture = Image.new("RGBA", (13, 9), (200, 30, 40, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 6, 9))
    picture.save(tmp_path / "clear.png")
    drawn = draw(engine, asked("x4-upscaler", image=tmp_path / "clear.png")).image
    assert (drawn.mode, drawn.size) == ("RGBA", (48, 32))
    alpha = np.asarray(drawn.getchannel("A"))
    assert alpha[:, :16].max() < 128 < alpha[:, 32:].min()


def test_a_further_pass_of_the_upscaler_is_four_times_as_large(
    engine: Engine, folder: Callable[[str], Path], asked: Asked
) -> None:
    recipe = compose(
        "a red boat",
        model="toy",
        seed=5,
        steps=2,
        width=16,
        height=8,
        then=[f"model={folder('x4-upscaler')},steps=2"],
    )
    assert recipe.passes[1].source is not None and recipe.passes[1].source.strength == 1
    assert array(engine, recipe).shape == (32, 64, 3)


@pytest.mark.parametrize("wishes", [{"strength": 0.5}, {"start": "noised"}, {"extend": (4, 0, 0, 0)}])
def test_the_upscaler_keeps_nothing(wishes: dict[str, object], engine: Engine, asked: Asked) -> None:
    with pytest.raises(BadValue, match="anew"):
        draw(engine, asked("x4-upscaler", **wishes))


@pytest.mark.parametrize("name", ["sd2-unclip", "x4-upscaler"])
def test_the_level_of_noise_counts(name: str, engine: Engine, asked: Asked) -> None:
    usual = FAMILIES[name].levels
    assert usual is not None
    drawn = array(engine, asked(name))
    assert np.array_equal(drawn, array(engine, asked(name, noise_level=usual.usual)))
    assert not np.array_equal(drawn, array(engine, asked(name, noise_level=29)))


@pytest.mark.parametrize(
    ("name", "level", "told"),
    [
        ("sd2-unclip", 1000, "use 0 to 999"),
        ("x4-upscaler", 30, "use 0 to 29"),
        ("sd2-depth", 3, "leave it out"),
        ("sd1-pix2pix", 0, "leave it out"),
    ],
)
def test_a_level_that_a_model_does_not_know_is_refused(
    name: str, level: int, told: str, engine: Engine, asked: Asked
) -> None:
    with pytest.raises(BadValue) as caught:
        draw(engine, asked(name, noise_level=level))
    assert caught.value.hint == told and "noise_level" in caught.value.message


@pytest.mark.parametrize(("name", "begins"), [("sd2-depth", "depth_model."), ("sd2-unclip", "embedder.")])
def test_a_file_without_what_looks_says_so(
    name: str, begins: str, engine: Engine, asked: Asked, tmp_path: Path
) -> None:
    whole = single(name)
    kept = {key: tensor for key, tensor in whole.items() if not key.startswith(begins)}
    assert len(kept) < len(whole)
    save_tensors(kept, tmp_path / "bare.safetensors")
    with pytest.raises(BadValue, match=r"lacks the (depth|image) network"):
        draw(engine, asked(name, model=str(tmp_path / "bare.safetensors")))


def test_instructions_are_guided_by_the_picture_too(
    engine: Engine, asked: Asked, folder: Callable[[str], Path]
) -> None:
    usual = asked("sd1-pix2pix")
    assert usual.passes[0].guides == (Cfg(scale=7.5), ImageCfg(scale=1.5))
    other = asked("sd1-pix2pix", guide=["image-cfg:3", "rescale"])
    assert [guide.kind for guide in other.passes[0].guides] == ["cfg", "image-cfg", "rescale"]
    assert not np.array_equal(
        array(engine, usual), array(engine, asked("sd1-pix2pix", guide=["image-cfg:3"]))
    )
    after = compose("a red boat", model="toy", seed=5, then=[f"model={folder('sd1-pix2pix')}"]).passes[1]
    assert after.guides == usual.passes[0].guides
    assert after.source is not None and after.source.strength == 1


def test_a_picture_that_was_instructed_is_instructed_again(
    engine: Engine, asked: Asked, tmp_path: Path, folder: Callable[[str], Path]
) -> None:
    draw(engine, asked("sd1-pix2pix", guide=["image-cfg:3", "rescale"])).save(tmp_path / "old.png")

    def scales(**lists: tuple[str, ...]) -> list[float]:
        flat = {"strength": 1.0} | ({"guidance": 4.0} if lists else {})
        guides = varied(tmp_path / "old.png", flat, Lists(**lists)).passes[0].guides
        assert [guide.kind for guide in guides] == ["cfg", "image-cfg", "rescale"]
        return [guide.scale for guide in guides if isinstance(guide, Cfg | ImageCfg)]

    assert scales() == [7.5, 3.0]
    assert scales(guide=("image-cfg:2",)) == [4.0, 2.0]


def test_the_verbs_know_the_upscaler(folder: Callable[[str], Path], photo: Path) -> None:
    flat = {"prompt": "a boat", "model": str(folder("x4-upscaler"))}
    for made in (enlarged(photo, 2, flat), edited(photo, flat)):
        assert (made.width, made.height) == (48, 32)
        assert made.passes[0].source is not None and made.passes[0].source.strength == 1


def test_no_other_model_is_guided_by_a_picture(engine: Engine, asked: Asked) -> None:
    with pytest.raises(BadValue, match="image-cfg"):
        draw(engine, asked("sd2-depth", guide=["image-cfg"]))


def test_texts_between_ands_are_drawn_beside_a_picture(engine: Engine, asked: Asked) -> None:
    for name in ("sd1-pix2pix", "sd2-unclip"):
        one = asked(name)
        both = one.model_copy(update={"prompt": one.prompt.model_copy(update={"text": "a boat AND a tree"})})
        assert array(engine, both).std() > 5
