"""Guides of a recipe in a run: what they change, what they cost, and that they keep the bits."""

import pytest

from engine.recipes import draw, pixels, recipe
from mezzotint.engine.engine import Engine
from mezzotint.values.errors import BadValue

EACH = (
    "rescale",
    "interval:0.25,0.75",
    "interval:0.5,5,sigma",
    "ramp:1",
    "ramp:1,cosine",
    "scales:1+2+3+4",
    "apg",
    "cfg-zero",
    "perp-neg",
    "threshold",
    "mimic:2",
)
WISHES = {"steps": 4, "guidance": 6.0, "negative": "blue"}


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


def counted(engine, wanted, monkeypatch):
    """The number of pictures in each network call of a run."""
    calls = []
    network = engine._models.get(wanted.passes[0].model, "float32").model.denoiser
    forward = network.forward

    def counting(x, *rest):
        calls.append(len(x))
        return forward(x, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(network, "forward", counting)
        draw(engine, wanted)
    return calls


def test_each_guide_changes_the_picture_in_its_own_way(engine):
    drawn = {guide: pixels(engine, [recipe(**WISHES, guide=[guide])])[0] for guide in EACH}
    drawn["none"] = pixels(engine, [recipe(**WISHES)])[0]
    assert len(set(drawn.values())) == len(EACH) + 1


@pytest.mark.parametrize(
    "nothing", ["rescale:0", "interval:0,1", "ramp:6", "scales:6", "apg:1,norm=0,momentum=0"]
)
def test_a_guide_without_effect_keeps_the_bits(engine, nothing):
    assert pixels(engine, [recipe(**WISHES, guide=[nothing])]) == pixels(engine, [recipe(**WISHES)])


def test_outside_its_interval_guidance_costs_nothing(engine, monkeypatch):
    assert counted(engine, recipe(**WISHES), monkeypatch) == [2, 2, 2, 2]
    assert counted(engine, recipe(**WISHES, guide=["interval:0.25,0.75"]), monkeypatch) == [1, 2, 2, 1]
    assert counted(engine, recipe(**WISHES, guide=["scales:1+4"]), monkeypatch) == [1, 1, 2, 2]
    assert counted(engine, recipe(**WISHES, guide=["perp-neg"]), monkeypatch) == [3, 3, 3, 3]
    assert counted(engine, recipe(**{**WISHES, "guidance": 1.0}), monkeypatch) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "guides", [["apg", "rescale:0.5"], ["perp-neg", "ramp:2"], ["cfg-zero", "mimic:2"]], ids=str
)
def test_exact_bits_do_not_depend_on_the_batch(engine, guides):
    recipes = [recipe(f"prompt {i}", **{**WISHES, "seed": i, "guide": guides}) for i in range(3)]
    alone = [pixels(engine, [r])[0] for r in recipes]
    assert len(set(alone)) == 3
    assert pixels(engine, recipes) == alone
    assert pixels(engine, recipes[::-1]) == alone[::-1]


def test_a_run_does_not_remember_another_one(engine):
    wanted = recipe(**WISHES, guide=["apg:0.5,momentum=0.9"])
    assert pixels(engine, [wanted]) == pixels(engine, [wanted]) == pixels(Engine("cpu", 1), [wanted])


def test_guides_that_do_not_fit_together_are_refused_before_anything_is_drawn():
    with pytest.raises(BadValue, match="apg and cfg-zero are two forms of cfg"):
        recipe(**WISHES, guide=["apg", "cfg-zero"])
