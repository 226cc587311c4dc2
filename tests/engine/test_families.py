"""Every family through the engine: SDXL with every sampler, and what draws from more than a text says so."""

from pathlib import Path

import numpy as np
import pytest

from engine.recipes import Engine, draw, pixels
from families.reduced import FAMILIES, small
from mezzotint.engine.composing.compose import compose
from mezzotint.families.export import export_diffusers
from mezzotint.values.errors import BadValue
from mezzotint.values.recipe import Numerics, Recipe


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("folders")


def recipe(folders: Path, name: str, **wishes: object) -> Recipe:
    path = folders / name
    if not path.is_dir():
        export_diffusers(small(name), path)
    given: dict[str, object] = {"width": 16, "height": 16, "steps": 3, "seed": 5, "model": str(path)}
    return compose("a red boat", **(given | wishes))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("sampler", ["euler_a", "heun", "dpmpp_2m_sde", "euler_cfg_pp"])
def test_sdxl_draws_with_samplers_of_every_kind(sampler: str, folders: Path) -> None:
    made = recipe(folders, "sdxl", sampler=sampler, spacing="leading")
    engine = Engine("cpu", 1)
    first, again = (np.asarray(draw(engine, made).image) for _ in range(2))
    assert np.array_equal(first, again) and first.std() > 5


def test_a_batch_of_sdxl_is_its_pictures_alone(folders: Path) -> None:
    engine = Engine("cpu", 1)
    recipes = [recipe(folders, "sdxl"), recipe(folders, "sdxl", seed=6, negative="blue")]
    alone = pixels(engine, recipes)
    fast = pixels(engine, [made.model_copy(update={"numerics": Numerics(mode="fast")}) for made in recipes])
    for one, other in zip(alone, fast, strict=True):
        assert np.abs(np.frombuffer(one, "u1").astype(int) - np.frombuffer(other, "u1")).max() <= 1
    assert alone[0] != alone[1]


def test_half_precision_draws_nearly_the_same(folders: Path) -> None:
    engine = Engine("cpu", 1)
    full, half = (
        np.asarray(draw(engine, recipe(folders, "sdxl", precision=name)).image, dtype=float)
        for name in ("float32", "bfloat16")
    )
    assert 0 < np.abs(full - half).mean() < 8


def test_the_refiner_draws_from_a_text_alone_as_well(folders: Path) -> None:
    engine = Engine("cpu", 1)
    picture = np.asarray(draw(engine, recipe(folders, "sdxl-refiner")).image)
    assert picture.shape == (16, 16, 3) and picture.std() > 5


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.needs])
def test_what_draws_from_more_than_a_text_says_what_is_missing(name: str, folders: Path) -> None:
    with pytest.raises(BadValue) as caught:
        draw(Engine("cpu", 1), recipe(folders, name, sampler="euler", spacing="leading"))
    for need in FAMILIES[name].needs:
        assert need in caught.value.message
