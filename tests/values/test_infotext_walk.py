"""Settings of samplers, levels and guides in infotexts: as web UIs write them, in and out, and hostile ones."""

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from mezzotint.values.guide_text import from_text, to_text, with_guides
from mezzotint.values.infotext import Infotext, options, parse, render
from mezzotint.values.infotext_walk import guides
from mezzotint.values.names import SAMPLERS
from mezzotint.values.options import assemble, flatten
from mezzotint.values.recipe import Recipe
from values.samples import PLAIN
from values.samples import guides as some_guides


def changed(**flat: object) -> Recipe:
    return assemble({**flatten(PLAIN), **flat}, {})


CHURN = {"sampler": "heun", "s_churn": 40.0, "s_tmin": 0.05, "s_tmax": 50.0, "s_noise": 1.003}
SIGMAS = {"sampler": "euler", "sigmas": (14.6, 2.5, 1e-05), "steps": 3}
EACH: list[tuple[dict[str, object], str]] = [
    (CHURN, "Sigma churn: 40, Sigma tmin: 0.05, Sigma tmax: 50, Sigma noise: 1.003"),
    ({"sampler": "euler_a", "eta": 0.5}, "Eta: 0.5"),
    ({"sampler": "ddim", "eta": 1.0}, "Eta DDIM: 1"),
    ({"spacing": "karras", "rho": 5.0}, "Schedule rho: 5"),
    ({"shift": 3.0}, "Shift: 3"),
    ({"sampler": "unipc", "order": 3}, "UniPC order: 3"),
    ({"sampler": "lms", "order": 4}, "Order: 4"),
    ({"sampler": "restart", "restarts": 2}, "Restarts: 2"),
    (SIGMAS, "Sigmas: 14.6 2.5 1e-05"),
]


@pytest.mark.parametrize(("flat", "text"), EACH, ids=[text for _, text in EACH])
def test_settings_go_out_and_come_back(flat: dict[str, object], text: str) -> None:
    told = render(changed(**flat))
    assert told.endswith(f", {text}")
    found = options(parse(told))
    assert {name: found[name] for name in flat} == flat
    plain = options(parse(render(PLAIN)))
    assert not set(flat) - {"sampler", "spacing", "steps"} & set(plain)


def test_without_a_spacing_where_there_are_sigmas() -> None:
    assert "Schedule type" not in render(changed(**SIGMAS))
    assert "spacing" not in options(parse(render(changed(**SIGMAS))))


@pytest.mark.parametrize(
    ("params", "flat"),
    [
        ({"Sigma tmax": "0", "Schedule rho": "0", "Shift": "0.0", "Order": "0"}, {}),
        ({"Sigma churn": "0", "Sigma noise": ".5"}, {"s_churn": 0.0, "s_noise": 0.5}),
        ({"Sigma churn": "nan", "Sigma tmin": "1e999", "Schedule rho": "-1", "UniPC order": "2.5"}, {}),
        ({"Sampler": "DDIM", "Eta": "0.5"}, {"sampler": "ddim", "eta": 0.5}),
        ({"Sampler": "DDIM", "Eta": "0.5", "Eta DDIM": "0.25"}, {"sampler": "ddim", "eta": 0.25}),
        ({"Sampler": "Euler a", "Eta DDIM": "0.25"}, {"sampler": "euler_a"}),
        ({"Sigmas": "3 2 1", "Steps": "3"}, {"steps": 3, "sigmas": (3.0, 2.0, 1.0)}),
        ({"Sigmas": "3 2 1", "Steps": "2"}, {"steps": 2}),
        ({"Sigmas": "3 2 0", "Steps": "3"}, {"steps": 3}),
        ({"Sigmas": "3  1", "Steps": "3"}, {"steps": 3}),
        ({"Sigmas": "9 " * 5000, "Steps": "5000"}, {"steps": 5000}),
        ({"Sampler": "DPM2 a", "Schedule type": "Automatic"}, {"sampler": "dpm2_a", "spacing": "karras"}),
        ({"Schedule type": "SGMUniform"}, {"spacing": "sgm_uniform"}),
    ],
)
def test_what_other_programs_write(params: dict[str, str], flat: dict[str, object]) -> None:
    found = options(Infotext("p", "", params))
    assert found == {"dialect": "a1111", "prompt": "p", "negative": "", **flat}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_title_with_automatic_has_a_spacing(sampler: str) -> None:
    told = render(changed(sampler=sampler)).replace("Schedule type: Karras", "Schedule type: Automatic")
    assert options(parse(told))["spacing"] in ("karras", "exponential", "leading", "linspace")


def test_guides_are_written_for_us_and_for_forge() -> None:
    text = render(with_guides(PLAIN, ["pag:2", "sag:0.5,2", "rescale:0.6"]))
    assert text.endswith(
        "PerturbedAttentionGuidance_enabled: True, PerturbedAttentionGuidance_scale: 2, sag_enabled: True, "
        "sag_scale: 0.5, sag_blur_sigma: 2, sag_threshold: 1, "
        'Guides: "pag:scale=2 sag:scale=0.5,blur=2 rescale:amount=0.6"'
    )
    assert guides(parse(text).params) == ("pag:scale=2", "sag:scale=0.5,blur=2", "rescale:amount=0.6")
    assert "Perturbed" not in render(with_guides(PLAIN, ["pag:2,up.1"]))


FORGE = {"PerturbedAttentionGuidance_enabled": "True", "PerturbedAttentionGuidance_scale": "4.5"}
BLURRED = {"sag_enabled": "True", "sag_scale": "0.5", "sag_blur_sigma": "2.0", "sag_threshold": "1.0"}


@pytest.mark.parametrize(
    ("params", "texts"),
    [
        (FORGE, ("pag:4.5",)),
        ({**FORGE, **BLURRED}, ("pag:4.5", "sag:0.5,2.0")),
        ({**BLURRED, "sag_threshold": "0.5"}, ()),
        ({**BLURRED, "sag_scale": "-2"}, ()),
        ({**FORGE, "PerturbedAttentionGuidance_enabled": "False"}, ()),
        ({"CFG Rescale phi": "0.7"}, ("rescale:0.7",)),
        ({"CFG rescale": "0.2", "CFG Rescale phi": "0"}, ()),
        ({"CFG rescale": "7"}, ()),
        ({**FORGE, "Guides": "apg nonsense:1 cfg:3 pag:scale=2"}, ("apg", "pag:scale=2")),
        ({"Guides": ""}, ()),
    ],
)
def test_guides_of_other_programs(params: dict[str, str], texts: tuple[str, ...]) -> None:
    assert guides(params) == texts


@examples(max_examples=50, deadline=None, derandomize=True)
@given(some_guides())
def test_any_guides_come_back(some: tuple) -> None:
    walk = PLAIN.passes[0].model_copy(update={"guides": some})
    found = guides(parse(render(PLAIN.model_copy(update={"passes": (walk,)}))).params)
    assert [from_text(text) for text in found] == [guide for guide in some if guide.kind != "cfg"]
    assert found == tuple(to_text(guide) for guide in some if guide.kind != "cfg")


@examples(max_examples=50, deadline=None, derandomize=True)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_is_an_error(sigmas: str, others: str) -> None:
    params = {"Sigmas": sigmas, "Guides": others, "Steps": "2", "Eta": others, "Order": sigmas}
    assert isinstance(guides(params), tuple)
    assert options(Infotext("p", "", params))["steps"] == 2
