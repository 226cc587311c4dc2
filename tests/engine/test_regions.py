"""Regional prompts through the engine: where each text counts, masks, batches and what is refused."""

import pytest
import torch
from PIL import Image

from engine.recipes import Engine, draw, first, pixels, recipe
from mezzotint.engine import stages
from mezzotint.engine.regions import shares_of
from mezzotint.values.errors import BadPicture, BadValue, MezzotintError
from mezzotint.values.events import Stepped
from mezzotint.values.recipe import Recipe


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("cpu", 1)


def shares(*regions: str, rows: int = 4, columns: int = 4) -> torch.Tensor:
    return shares_of([first(recipe(region=list(regions)))], rows, columns)


def test_a_box_counts_where_it_is_to_the_part_of_a_place():
    (one,) = shares("0,0,0.375,1:a")[:, 0, 0]
    assert one.tolist() == [[1, 0.5, 0, 0]] * 4
    (one,) = shares("0.5,0.25,1,0.75:a")[:, 0, 0]
    assert one.sum() == 4
    assert one[1, 2] == 1


def test_what_lies_over_one_another_is_shared():
    both = shares("0,0,1,1:a", "0,0,0.5,1:b")[:, 0, 0]
    assert both.sum(dim=0).max() == 1
    assert both[:, 0, 0].tolist() == [0.5, 0.5]
    assert both[:, 0, 3].tolist() == [1, 0]


def test_inner_edges_fade():
    one = recipe(region=["0,0,0.5,1:a"])
    region = one.prompt.regions[0].model_copy(update={"feather": 0.25})
    soft = one.model_copy(update={"prompt": one.prompt.model_copy(update={"regions": (region,)})})
    row = shares_of([first(soft)], 8, 8)[0, 0, 0, 0]
    assert row.tolist() == pytest.approx([1, 1, 0.75, 0.25, 0, 0, 0, 0])


def test_a_mask_says_where(tmp_path, engine):
    half = Image.new("RGB", (64, 64))
    half.paste("white", (0, 0, 32, 64))
    half.save(tmp_path / "half.png")
    assert torch.equal(shares(f"{tmp_path}/half.png:a"), shares("0,0,0.5,1:a"))
    fine = Image.new("L", (64, 64))
    fine.paste(255, (0, 0, 4, 64))  # a quarter of the first of four columns
    fine.save(tmp_path / "fine.png")
    assert shares(f"{tmp_path}/fine.png:a")[0, 0, 0, 0].tolist() == pytest.approx([0.25, 0, 0, 0], abs=0.01)
    one = recipe(region=[f"{tmp_path}/half.png:a boat"])
    assert one.prompt.regions[0].mask.sha256 is not None
    assert Recipe.from_json(one.to_json()) == one
    assert pixels(engine, [one]) == pixels(engine, [recipe(region=["0,0,0.5,1:a boat"])])
    with pytest.raises(BadPicture):
        recipe(region=[f"{tmp_path}/none.png:a boat"])


def test_the_first_answer_is_that_of_each_text_in_its_half(engine):
    """Where the latent starts from the same noise, one step is the answer itself."""

    def latent(**wishes):
        one = recipe(steps=1, sampler="euler", width=64, **wishes)
        opened = engine._models.get(one.passes[0].model, "float32")
        found = []
        with engine.placement.pinned(exact=True):
            guiding = stages_guiding(one, opened)
            begun = stages.begin(opened.model, [first(one)], engine.placement.device)
            texts = asked(one, guiding)
            steered = stages.encode(opened.model, [first(one)], texts, engine.placement.device)
            part = shares_of([first(one)], *begun.x.shape[-2:])
            denoise = stages.denoiser(opened, first(one), steered, guiding, 1, part)
            found = [step.x for step in stages.sample(denoise, begun, one.passes[0])]
        return found[-1]

    both = latent(prompt="a", region=["0,0,0.5,1:a red apple", "0.5,0,1,1:a boat"])
    left, right = latent(prompt="a red apple"), latent(prompt="a boat")
    assert torch.allclose(both[..., :4], left[..., :4], atol=1e-5)
    assert torch.allclose(both[..., 4:], right[..., 4:], atol=1e-5)
    assert not torch.allclose(left[..., :4], right[..., :4], atol=1e-2)


def stages_guiding(one, opened):
    from mezzotint.engine.guiding import guiding_of

    return guiding_of(one.passes[0], opened.model)


def asked(one, guiding):
    return guiding.texts


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"prompt": "a cat AND a dog"},
        {"guide": ["pag:2"]},
        {"sampler": "euler_cfg_pp"},
        {"tile": 16},
        {"guidance": 1.0},
        {"then": ["scale=2,strength=0.5"]},
        {"dialect": "plain"},
    ],
    ids=str,
)
def test_regions_change_a_picture_beside_everything_else(engine, wishes):
    said = {"prompt": "a field", **wishes}
    assert pixels(engine, [recipe(**said, region=["0,0,0.5,1:a boat"])]) != pixels(engine, [recipe(**said)])


def test_a_region_that_counts_nothing_changes_nothing_and_all_of_it_is_the_prompt(engine):
    one = recipe(region=["0,0,1,1:a boat"])
    region = one.prompt.regions[0].model_copy(update={"weight": 0.0})
    none = one.model_copy(update={"prompt": one.prompt.model_copy(update={"regions": (region,)})})
    assert pixels(engine, [none]) == pixels(engine, [recipe()])
    whole = [int(v) for v in pixels(engine, [one])[0]]
    assert max(abs(a - b) for a, b in zip(whole, pixels(engine, [recipe("a boat")])[0], strict=True)) <= 1


def test_batches_do_not_matter(engine):
    recipes = [
        recipe("a", region=["0,0,0.5,1:a boat"], seed=1),
        recipe("b", seed=2),
        recipe("c", region=["0,0,0.3,1:x"], seed=3),
    ]
    alone = [pixels(engine, [one])[0] for one in recipes]
    assert pixels(engine, recipes) == alone
    fast = [recipe("a", region=[f"0,0,0.{n},1:a boat"], seed=n, numerics="fast") for n in (2, 5)]
    assert sum(isinstance(event, Stepped) for event in engine.run_batch(fast)) == 2


@pytest.mark.parametrize(
    ("region", "said"),
    [("0,0,1,1:a AND b", "joined by AND"), ("0,0,1,1:(a:1.2.3)", "weight"), ("x", "no place")],
)
def test_what_cannot_be_a_region_is_refused(engine, region, said):
    with pytest.raises((BadValue, MezzotintError), match=said):
        draw(engine, recipe(region=[region]))
