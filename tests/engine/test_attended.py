"""Regions drawn by attention inside the network: the same texts in the same places, with no further calls."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.followers import controlnet_file, image_prompt_file
from engine.recipes import Engine, assert_a_batch_is_as_each_alone, draw, pixels, recipe
from families.reduced import small
from mezzotint.diffusion.denoise import Request
from mezzotint.engine.attended import attended, joined
from mezzotint.engine.following import rows_of
from mezzotint.families import toy
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNet
from mezzotint.values.errors import BadValue, MezzotintError
from mezzotint.values.recipe import Recipe
from mezzotint.values.region import Region, region_from_text

LEFT, RIGHT = "0,0,0.5,1", "0.5,0,1,1"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


def inside(place: str, text: str) -> str:
    return f"{place},form=attention:{text}"


def levels(engine: Engine, one: Recipe) -> np.ndarray:
    return np.asarray(draw(engine, one).image, dtype=int)


def test_one_region_that_is_everything_is_the_prompt(engine: Engine) -> None:
    one = levels(engine, recipe("a field", region=[inside("0,0,1,1", "a boat")]))
    assert np.abs(one - levels(engine, recipe("a boat"))).max() <= 1
    assert np.abs(one - levels(engine, recipe("a field"))).max() > 5


def test_a_region_that_counts_nothing_changes_nothing(engine: Engine) -> None:
    none = recipe("a field", region=["0,0,1,1,weight=0,form=attention:a boat"])
    assert pixels(engine, [none]) == pixels(engine, [recipe("a field")])


def test_it_draws_in_its_place_and_not_as_the_latent_form(engine: Engine) -> None:
    plain = levels(engine, recipe("a field", width=64))
    found = levels(engine, recipe("a field", width=64, region=[inside(LEFT, "a red apple")]))
    apart = np.abs(found - plain).mean(axis=(0, 2))
    assert apart[:32].mean() > apart[32:].mean() > 0
    assert pixels(engine, [recipe("a field", region=[f"{LEFT}:a boat"])]) != pixels(
        engine, [recipe("a field", region=[inside(LEFT, "a boat")])]
    )


def test_the_network_is_asked_no_more_often_than_without(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []
    forward = UNet.forward

    def counting(self: UNet, x: torch.Tensor, *rest: object) -> object:
        rows.append(len(x))
        return forward(self, x, *rest)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(UNet, "forward", counting)
    draw(engine, recipe("a field", region=[inside(LEFT, "a"), inside(RIGHT, "b")]))
    assert rows == [2, 2]
    rows.clear()
    draw(engine, recipe("a field", region=[f"{LEFT}:a", inside(RIGHT, "b")]))
    assert rows == [3, 3]


def test_the_negative_prompt_is_not_blended(engine: Engine) -> None:
    """With a guidance of 0 the negative prompt alone is drawn."""
    wishes = {"negative": "blue", "guidance": 0.0}
    assert pixels(engine, [recipe("a", **wishes, region=[inside("0,0,1,1", "a boat")])]) == pixels(
        engine, [recipe("a", **wishes)]
    )


LONG = "a very long text of " + ", ".join(["many words"] * 30)


@pytest.mark.parametrize(
    "wishes",
    [
        {"prompt": "a cat AND a dog"},
        {"guide": ["pag:2"]},
        {"guide": ["sag:0.5"]},
        {"sampler": "euler_cfg_pp"},
        {"tile": 16, "width": 48},
        {"tile": 16, "width": 48, "numerics": "fast"},
        {"guidance": 1.0},
        {"then": ["scale=2,strength=0.5"]},
        {"seamless": "x"},
        {"prompt": LONG},
        {"prompt": "[a field:a wood:1]"},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_it_changes_a_picture_beside_everything_else(engine: Engine, wishes: dict[str, object]) -> None:
    said = {"prompt": "a field", **wishes}
    regions = [inside(LEFT, "[a boat:a car:1]"), inside(RIGHT, LONG)]
    assert pixels(engine, [recipe(**said, region=regions)]) != pixels(engine, [recipe(**said)])


def test_it_works_beside_networks_that_are_followed(engine: Engine, tmp_path: Path) -> None:
    controlnet_file(tmp_path / "net.safetensors")
    image_prompt_file(tmp_path / "ip.safetensors")
    Image.new("RGB", (32, 32), (200, 30, 40)).save(tmp_path / "photo.png")
    wishes = {
        "control": [f"{tmp_path}/net.safetensors:image={tmp_path}/photo.png"],
        "image_prompt": [f"{tmp_path}/ip.safetensors:{tmp_path}/photo.png"],
    }
    regions = [inside(LEFT, "a boat")]
    found = {
        pixels(engine, [recipe("a field", **given, region=region)])[0]
        for given in (wishes, {})
        for region in (regions, [])
    }
    assert len(found) == 4


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_batches_do_not_matter(engine: Engine, mode: str) -> None:
    """Of other forms, and of texts of other lengths, too; in exact numerics bit for bit."""
    recipes = [
        recipe("a", region=[inside(LEFT, "a boat")], seed=1, numerics=mode),
        recipe("b", region=[inside(LEFT, LONG)], seed=2, numerics=mode),
        recipe("c", region=[f"{LEFT}:x"], seed=3, numerics=mode),
        recipe(LONG, region=[inside(RIGHT, "x")], seed=4, numerics=mode),
    ]
    assert_a_batch_is_as_each_alone(engine, recipes)


def test_texts_of_other_lengths_are_filled_up() -> None:
    texts = [torch.ones(1, 3, 2), torch.ones(1, 5, 2)]
    tokens, seen = joined(texts)
    assert tokens.shape == (2, 5, 2) and seen is not None
    assert seen.tolist() == [[True] * 3 + [False] * 2, [True] * 5]
    assert joined(texts[:1])[1] is None


def test_the_form_is_of_the_recipe() -> None:
    one = recipe(region=["0,0,0.5,1,feather=0.1, weight=0.8,form=attention:a: b"])
    assert one.prompt.regions == (Region(text="a: b", right=0.5, feather=0.1, weight=0.8, form="attention"),)
    assert Recipe.from_json(one.to_json()) == one
    assert "form" not in recipe(region=[f"{LEFT}:a"]).stated()["prompt"]["regions"][0]  # pyright: ignore


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("0,0,1,1,form=atention:a boat", "unknown region form 'atention'; did you mean attention"),
        ("0,0,1,1,weight=2:a boat", "region 'a boat' weight: 2.0 is out of range"),
        ("0,0,1,1,weight=x:a boat", "region 'a boat' weight"),
        ("0,0,1,1,weight=0.1,weight=0.2:a", "region 'a' weight: is given twice"),
        ("0,0,1,1,size=2:a", "unknown setting of region 'a' 'size'"),
        (",form=attention:a", "has no place and text"),
    ],
)
def test_what_is_wrong_is_said(text: str, told: str) -> None:
    with pytest.raises(MezzotintError) as caught:
        region_from_text(text)
    assert told in str(caught.value)


def test_a_transformer_has_no_such_attention(tmp_path: Path) -> None:
    model = small("sd3-medium")
    with pytest.raises(BadValue, match="leave form out"):
        attended(model.denoiser, None, torch.ones(1, 1, 4, 4), [0], torch.float32)  # pyright: ignore


def test_the_question_without_the_picture_is_a_negative_one() -> None:
    """Instruct-pix2pix asks it; what follows pictures is to be left out of it, as it is of the negative prompt."""
    level = toy.TOY.path.level(torch.tensor(1.0))
    request = Request(("positive", "negative", "blank", "empty"), "", level)
    cond = Conditioning(torch.zeros(4, 3, 2))
    rows = rows_of(torch.zeros(4, 4, 2, 2), torch.zeros(4), cond, torch.arange(4), request, 1)
    assert rows.negative.tolist() == [False, True, True, True]
