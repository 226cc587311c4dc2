"""Guides as values: which may stand together, and how people write them."""

import pytest
from hypothesis import given, settings

from mezzotint.values.errors import BadValue, MezzotintError, UnknownName
from mezzotint.values.guide_text import from_text, to_text, with_guides
from mezzotint.values.guides import KINDS, Apg, Cfg, Guide, Interval, Ramp, Rescale, Scales
from values.samples import PLAIN, guides


@pytest.mark.parametrize(
    ("text", "guide"),
    [
        ("rescale", Rescale()),
        ("rescale:", Rescale()),
        ("rescale:0.5", Rescale(amount=0.5)),
        ("apg:0.1,3,momentum=-0.25", Apg(eta=0.1, norm=3.0, momentum=-0.25)),
        ("ramp:end=1,form=cosine", Ramp(end=1.0, form="cosine")),
        ("scales:7+5.5+1", Scales(scales=(7.0, 5.5, 1.0))),
        ("interval:0.28,5.42,sigma", Interval(start=0.28, stop=5.42, unit="sigma")),
    ],
)
def test_a_guide_is_written_in_one_word(text: str, guide: Guide) -> None:
    assert from_text(text) == guide
    assert from_text(to_text(guide)) == guide


@settings(max_examples=60, deadline=None, derandomize=True)
@given(guides())
def test_what_is_written_is_read_again(some: tuple[Guide, ...]) -> None:
    others = tuple(guide for guide in some if not isinstance(guide, Cfg))
    assert tuple(from_text(to_text(guide)) for guide in others) == others


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "unknown guide ''; known: ramp, scales"),
        ("resale:1", "unknown guide 'resale'; did you mean rescale?"),
        ("cfg:7", "guide: cfg has an option of its own; use --guidance"),
        ("rescale:2", "rescale amount: 2.0 is out of range; use 0 to 1"),
        ("rescale:nan", "rescale amount: must be a finite number; use 0 to 1"),
        ("rescale:x", "rescale amount: must be a number, not 'x'; use a number"),
        ("cfg-zero:1.5", "cfg-zero still: must be a whole number, not '1.5'; use a whole number"),
        ("rescale:0.1,0.2", "guide: rescale has a value too many; it takes amount"),
        ("rescale:0.1,amount=1", "rescale amount: is given twice; keep one of them"),
        ("apg:norm=3,0.1", "guide: apg has a value without a name behind a named one; name it, too"),
        ("apg:zeta=1", "unknown setting of apg 'zeta'; did you mean eta?"),
        ("ramp", "ramp end: is missing; give a value for it"),
        ("ramp:1,round", "ramp form: 'round' is not allowed; use 'linear' or 'cosine'"),
        ("scales:1+x", "scales scales: must be a number, not 'x'; use a number"),
        ("pag:3,Mid!", "pag layers: 'Mid!' has the wrong form"),
        ("skip-layers:layers=7+x", "skip-layers layers: must be a whole number, not 'x'"),
        ("scales:" + "9" * 500, "scales scales: must be a finite number"),
    ],
)
def test_what_is_wrong_is_said_of_the_guide(text: str, complaint: str) -> None:
    with pytest.raises(MezzotintError) as caught:
        from_text(text)
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["rescale", "rescale"], "guides: there are two of the kind rescale; keep one of them"),
        (["apg", "cfg-zero"], "guides: apg and cfg-zero are two forms of cfg; keep one of them"),
        (["ramp:1", "scales:1"], "guides: ramp and scales are two courses of its scale; keep one of them"),
        (["interval:0.8,0.2"], "guides: interval starts at 0.8 and stops at 0.2; put the smaller one first"),
        (["pag:start=0.8,stop=0.2"], "guides: pag starts at 0.8 and stops at 0.2; put the smaller one first"),
        (["interval:0,2"], "guides: interval stops at 2.0 of all steps; use shares of the steps, 0 to 1"),
    ],
)
def test_guides_that_do_not_fit_together_are_refused(texts: list[str], complaint: str) -> None:
    with pytest.raises(BadValue) as caught:
        with_guides(PLAIN, texts)
    assert str(caught.value) == complaint


def test_guides_stand_behind_those_of_the_recipe() -> None:
    recipe = with_guides(PLAIN, ["rescale:0.5", "interval:0,9,sigma"])
    assert recipe.passes[0].guides == (
        Cfg(scale=7.5),
        Rescale(amount=0.5),
        Interval(start=0.0, stop=9.0, unit="sigma"),
    )
    assert with_guides(PLAIN, []) is PLAIN


FREE = ("cfg", "rescale", "threshold", "pag", "seg", "sag", "skip-layers", "image-cfg")
"""Those that do not change cfg."""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in FREE])
def test_what_changes_cfg_needs_it(kind: str) -> None:
    alone = PLAIN.model_copy(update={"passes": (PLAIN.passes[0].model_copy(update={"guides": ()}),)})
    needed = {"ramp": ":1", "scales": ":1", "interval": ":0,1"}
    with pytest.raises(
        BadValue, match=f"guides: {kind} changes cfg, and there is none; give a guidance scale"
    ):
        with_guides(alone, [kind + needed.get(kind, "")])


@pytest.mark.parametrize("kind", ["rescale", "threshold"])
def test_what_works_on_other_guides_stands_behind_them(kind: str) -> None:
    walk = PLAIN.passes[0]
    with pytest.raises(BadValue, match=f"guides: {kind} works on the guides before it, and there is none"):
        walk.model_copy(update={"guides": (from_text(kind), Cfg(scale=3.0))})
    with pytest.raises(BadValue, match="works on the guides before it"):
        walk.model_copy(update={"guides": (Interval(start=0.0, stop=1.0), from_text(kind), Cfg(scale=3.0))})
    assert walk.model_copy(update={"guides": (Cfg(scale=3.0), from_text(kind))}).guides[1].kind == kind


def test_disturbing_guides_need_no_cfg() -> None:
    alone = PLAIN.passes[0].model_copy(update={"guides": (from_text("pag:3"), from_text("rescale"))})
    assert [guide.kind for guide in alone.guides] == ["pag", "rescale"]


def test_a_guide_of_no_known_kind_is_named() -> None:
    with pytest.raises(UnknownName, match="unknown guide 'pug'"):
        PLAIN.passes[0].model_copy(update={"guides": ({"kind": "pug"},)})
