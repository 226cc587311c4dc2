"""Guides of a recipe in a run: what they change, what they cost, and that they keep the bits."""

import pytest
from hypothesis import given, settings

from engine.recipes import draw, pixels, recipe
from mezzotint.engine.engine import Engine
from mezzotint.engine.touching import touches_of
from mezzotint.nets.mmdit import MMDiT, MMDiTGeometry
from mezzotint.values.errors import BadValue
from mezzotint.values.guides import Pag, Sag, Seg, SkipLayers
from values.samples import guides

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
    "pag",
    "pag:3,down.0+mid",
    "seg",
    "seg:3,1",
    "sag",
)
ENGINE = Engine("cpu", 1)
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
    "nothing",
    [
        "rescale:0",
        "interval:0,1",
        "ramp:6",
        "scales:6",
        "apg:1,norm=0,momentum=0",
        "pag:0",
        "sag:0",
        "pag:stop=0",
    ],
)
def test_a_guide_without_effect_keeps_the_bits(engine, nothing):
    assert pixels(engine, [recipe(**WISHES, guide=[nothing])]) == pixels(engine, [recipe(**WISHES)])


def test_outside_its_interval_guidance_costs_nothing(engine, monkeypatch):
    assert counted(engine, recipe(**WISHES), monkeypatch) == [2, 2, 2, 2]
    assert counted(engine, recipe(**WISHES, guide=["interval:0.25,0.75"]), monkeypatch) == [1, 2, 2, 1]
    assert counted(engine, recipe(**WISHES, guide=["scales:1+4"]), monkeypatch) == [1, 1, 2, 2]
    assert counted(engine, recipe(**WISHES, guide=["perp-neg"]), monkeypatch) == [3, 3, 3, 3]
    assert counted(engine, recipe(**{**WISHES, "guidance": 1.0}), monkeypatch) == [1, 1, 1, 1]
    assert counted(engine, recipe(**WISHES, guide=["pag:stop=0.5"]), monkeypatch) == [2, 1, 2, 1, 2, 2]
    assert counted(engine, recipe(**{**WISHES, "guidance": 1.0, "guide": ["sag"]}), monkeypatch) == [1] * 8


@pytest.mark.parametrize(
    "guides",
    [["apg", "rescale:0.5"], ["perp-neg", "ramp:2"], ["cfg-zero", "mimic:2"], ["pag", "sag"]],
    ids=str,
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


@pytest.mark.parametrize(
    ("guide", "complaint"),
    [
        (
            "pag:layers=up.7",
            "pag layers: there is no attention below 'up.7'; use some of down.0, mid.attention, up.1",
        ),
        ("seg:layers=mi", "seg layers: there is no attention below 'mi'"),
        ("skip-layers", "skip-layers: this model has no blocks to leave out; use pag, or a model of SD 3"),
    ],
)
def test_a_guide_that_the_model_has_no_place_for_is_refused(engine, guide, complaint):
    with pytest.raises(BadValue, match=complaint):
        draw(engine, recipe(**WISHES, guide=[guide]))


def test_guides_of_a_transformer_touch_its_blocks():
    network = MMDiT(MMDiTGeometry(4, 2, 16, 3, 2, 6, 5, 8))
    found = touches_of([Pag(), Seg(layers=("blocks.0",)), SkipLayers(layers=(0, 2))], network)
    assert set(found["pag"].attend) == {"blocks.1.attn"}
    assert set(found["seg"].attend) == {"blocks.0.attn"}
    assert found["skip-layers"].skips == {"blocks.0", "blocks.2"}
    with pytest.raises(BadValue, match="skip-layers layers: this model has no block 7; name some of 0 to 2"):
        touches_of([SkipLayers()], network)
    with pytest.raises(BadValue, match="sag: this model has no attention of a UNet's middle"):
        touches_of([Sag()], network)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(guides())
def test_all_that_fits_together_runs_or_is_refused_for_a_reason(some):
    base = recipe(steps=1)
    wanted = base.model_copy(update={"passes": (base.passes[0].model_copy(update={"guides": some}),)})
    reasons = {
        "image-cfg": "image-cfg: .* does not ask about a picture",
        "skip-layers": "skip-layers: this model has no blocks to leave out",
    }
    refused = [reasons[guide.kind] for guide in some if guide.kind in reasons]
    if refused:
        with pytest.raises(BadValue, match="|".join(refused)):
            draw(ENGINE, wanted)
    else:
        assert draw(ENGINE, wanted).image.size == (32, 32)
