"""Several pictures seen together by a model of variations: weights, equal ones, recipes that hold and find them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.recipes import Engine, draw
from families.reduced import small
from mezzotint.engine.composing.compose import Lists, compose
from mezzotint.engine.composing.originals import found_again, pictures_of
from mezzotint.engine.composing.redrawing import varied
from mezzotint.engine.replay import Replay, replay, saved
from mezzotint.engine.telling.inspect import inspect
from mezzotint.families.export import export_diffusers
from mezzotint.families.sights import mixture
from mezzotint.values import infotext, metadata
from mezzotint.values.errors import BadPicture, BadValue, MezzotintError
from mezzotint.values.recipe import Recipe
from mezzotint.values.source import MixedPicture, mixed_from_text


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of variations, and pictures of one colour each but for a disc."""
    folder = tmp_path_factory.mktemp("mixing")
    export_diffusers(small("sd2-unclip"), folder / "unclip")
    export_diffusers(small("sd2-depth"), folder / "depth")
    down, across = np.mgrid[0:16, 0:16]
    disc = ((across - 8) ** 2 + (down - 6) ** 2 < 20)[..., None]
    for name, inside, outside in (("a", (250, 20, 30), (0, 90, 0)), ("b", (10, 40, 250), (255, 255, 200))):
        levels = np.where(disc, np.array(inside), np.array(outside))
        Image.fromarray(levels.astype(np.uint8)).save(folder / f"{name}.png")
    (folder / "twin.png").write_bytes((folder / "a.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


def asked(place: Path, *mix: str, model: str = "unclip", **wishes: object) -> Recipe:
    own: dict[str, object] = {"model": str(place / model), "image": place / "a.png", "steps": 2, "seed": 5}
    own |= {"sampler": "euler", "spacing": "leading", "width": 16, "height": 16}
    given = own | {"mix": [str(place / one) for one in mix]} | wishes
    return compose("a red boat", **given)  # pyright: ignore[reportArgumentType]


def drawn(engine: Engine, recipe: Recipe) -> bytes:
    return draw(engine, recipe).image.tobytes()


def test_the_mixture_is_the_mean_by_weight() -> None:
    first, second, third = torch.randn(3, 1, 24, dtype=torch.float64).unbind()
    found = mixture(first, [(second, 0.5), (third, 2.5)])
    assert torch.allclose(found, (first + 0.5 * second + 2.5 * third) / 4, rtol=0, atol=1e-14)
    assert mixture(first, []) is first
    assert torch.equal(mixture(first, [(first, 0.3), (first, 7.0)]), first)


@pytest.mark.parametrize("mix", [["twin.png"], ["twin.png:0.3", "a.png:5"], ["b.png:0"]])
def test_equal_pictures_and_those_without_weight_change_no_bit(
    place: Path, engine: Engine, mix: list[str]
) -> None:
    assert drawn(engine, asked(place, *mix)) == drawn(engine, asked(place))


def test_the_more_of_a_picture_the_nearer_to_it(place: Path, engine: Engine) -> None:
    ends = [
        np.frombuffer(drawn(engine, asked(place, image=place / name)), "u1") for name in ("a.png", "b.png")
    ]
    apart = [
        np.abs(
            np.frombuffer(drawn(engine, asked(place, f"b.png:{weight}")), "u1").astype(float) - ends[1]
        ).mean()
        for weight in (0, 0.5, 2, 100)
    ]
    assert apart == sorted(apart, reverse=True) and apart[0] > 4 * apart[-1]


def test_which_picture_is_first_does_not_count(place: Path, engine: Engine) -> None:
    one, other = asked(place, "b.png"), asked(place, "a.png", image=place / "b.png")
    levels = (np.frombuffer(drawn(engine, recipe), "u1").astype(int) for recipe in (one, other))
    assert np.abs(np.subtract(*levels)).max() <= 1


def test_a_recipe_holds_the_pictures_by_their_content(place: Path, engine: Engine, tmp_path: Path) -> None:
    recipe = asked(place, "b.png:0.5")
    source = recipe.passes[0].source
    assert source is not None and [one.weight for one in source.mixed] == [0.5]
    assert source.mixed[0].sha256 is not None
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.digest() != asked(place, "b.png").digest() != asked(place).digest()
    assert pictures_of(recipe) == {place / "a.png", place / "b.png"}
    assert infotext.render(recipe) == infotext.render(asked(place))
    picture = draw(engine, recipe)
    picture.save(tmp_path / "drawn.png")
    assert metadata.read(tmp_path / "drawn.png").recipe == recipe


def test_a_moved_picture_is_found_and_drawn_again(place: Path, engine: Engine, tmp_path: Path) -> None:
    away = tmp_path / "away.png"
    away.write_bytes((place / "b.png").read_bytes())
    recipe = asked(place, image=place / "a.png", mix=[f"{away}:0.5"])
    draw(engine, recipe).save(tmp_path / "drawn.png")
    away.rename(tmp_path / "moved.png")
    found = list(replay(saved(tmp_path / "drawn.png"), engine, [tmp_path / "moved.png"]))[-1]
    assert isinstance(found, Replay) and found.equal
    with pytest.raises(BadPicture, match="is wanted, and it is not there"):
        found_again(recipe, place)
    (tmp_path / "away.png").write_bytes((place / "a.png").read_bytes())
    with pytest.raises(BadPicture, match="not the picture that was asked for"):
        draw(engine, recipe)


def test_a_variation_may_see_others(place: Path, engine: Engine, tmp_path: Path) -> None:
    """Also one of a picture that holds a recipe, whose noise alone would be varied otherwise."""
    draw(engine, asked(place)).save(tmp_path / "drawn.png")
    flat: dict[str, object] = {"model": str(place / "unclip")}
    made = varied(tmp_path / "drawn.png", flat, Lists(mix=(f"{place / 'b.png'}:2",)))
    source = made.passes[0].source
    assert source is not None and source.picture is not None and source.picture.file.endswith("drawn.png")
    assert [one.weight for one in source.mixed] == [2] and made.noise.variation_strength == 0


def test_another_fit_is_heeded(place: Path, engine: Engine) -> None:
    Image.open(place / "b.png").resize((48, 16)).save(place / "wide.png")
    found = {drawn(engine, asked(place, "wide.png", fit=fit)) for fit in ("cover", "contain", "stretch")}
    assert len(found) == 3


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"mix": ["b.png:1000"]}, "mix weight: 1000.0 is out of range"),
        ({"mix": [""]}, "mix: names no picture; write FILE or FILE:0.5"),
        ({"mix": ["nowhere.png"]}, "nowhere.png: no such file"),
        ({"image": None}, "mix: there is no picture to mix others with; give one with --image"),
        ({"model": "depth"}, "mix: Stable Diffusion 2 depth mixes no pictures; use an unCLIP model"),
        ({"mix": ["b.png"] * 17}, "mixed: has too many entries; use at most 16"),
    ],
)
def test_what_does_not_fit_is_refused(
    place: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, wishes: dict[str, object], told: str
) -> None:
    monkeypatch.chdir(place)
    given: dict[str, object] = {"mix": ["b.png"], **wishes}
    with pytest.raises(MezzotintError) as caught:
        draw(engine, asked(place, **given))  # pyright: ignore[reportArgumentType]
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("a.png", MixedPicture(file="a.png")),
        ("a.png:0.5", MixedPicture(file="a.png", weight=0.5)),
        ("C:\\a.png:.5", MixedPicture(file="C:\\a.png", weight=0.5)),
        ("a.png:b", MixedPicture(file="a.png:b")),
    ],
)
def test_what_people_write_is_read(text: str, use: MixedPicture) -> None:
    assert mixed_from_text(text) == use


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(BadValue, match="names no picture"):
        mixed_from_text("")


def test_a_further_pass_sees_others_beside_what_was_drawn(place: Path, engine: Engine) -> None:
    def then(more: str) -> Recipe:
        text = f"model={place / 'unclip'},steps=2{more}"
        return compose("a red boat", model="toy", seed=5, steps=2, width=16, height=16, then=[text])

    recipe = then(f",mix={place / 'a.png'}+{place / 'b.png'}:0.5")
    source = recipe.passes[1].source
    assert source is not None and [one.weight for one in source.mixed] == [1, 0.5]
    assert all(one.sha256 is not None for one in source.mixed)
    assert drawn(engine, recipe) != drawn(engine, then(""))
    with pytest.raises(BadValue, match="mix: has no use in a pass that goes on"):
        compose("a", model="toy", seed=5, then=[f"from=0.5,mix={place / 'a.png'}"])


def test_inspect_tells_what_was_seen_and_where_texts_count(
    place: Path, engine: Engine, tmp_path: Path
) -> None:
    region = "0,0,0.5,1,form=attention:a boat"
    draw(engine, asked(place, "b.png:0.5", region=[region])).save(tmp_path / "drawn.png")
    told = dict(row for section in inspect(tmp_path / "drawn.png").sections for row in section.rows)
    assert told["mix"] == f"{place / 'b.png'}:0.5" and told["region"] == region
