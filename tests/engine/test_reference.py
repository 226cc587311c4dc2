"""A reference in a run: what it changes and what it leaves, on toys and on the embedded model."""

import numpy as np
import pytest
import torch
from PIL import Image

from engine.followers import drawn, levels, pictures
from engine.recipes import assert_a_batch_is_as_each_alone, draw, recipe
from families.reduced import LETTERS, SMALL2, SMALL_XL, like
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.prediction import NOISE
from mezzotint.engine.engine import Engine
from mezzotint.engine.following import Rows
from mezzotint.engine.reference import Looking, reference, weight_of
from mezzotint.engine.telling.inspect import inspect
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.sd1 import SD1_INPAINTING
from mezzotint.nets.conditioning import Conditioning, Output
from mezzotint.values.control_text import control_from_text
from mezzotint.values.errors import BadValue, MezzotintError
from parity.test_pipeline_sd3 import FAMILIES as SD3
from parity.test_pipeline_xl import lettered


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    pictures(folder)
    return folder


def control(files, settings="", picture="photo"):
    return f"reference:image={files / picture}.png{settings}"


def test_it_changes_the_picture_and_each_setting_is_seen(engine, files):
    both = [control(files), control(files, picture="other")]
    found = [
        drawn(engine),
        drawn(engine, control=[control(files)]),
        drawn(engine, control=[control(files, picture="other")]),
        drawn(engine, control=[control(files, ",weight=0.5")]),
        drawn(engine, control=[control(files, ",weight=3")]),
        drawn(engine, control=[control(files, ",fidelity=0.2")]),
        drawn(engine, control=[control(files, ",mode=prompt")]),
        drawn(engine, control=[control(files, ",mode=control")]),
        drawn(engine, control=[control(files, ",stop=0.5")]),
        drawn(engine, control=[control(files, ",start=0.5")]),
        drawn(engine, control=[control(files, ",hint=blur:3")]),
        drawn(engine, control=[control(files, ",form=statistics")]),
        drawn(engine, control=[control(files, ",form=statistics", picture="other")]),
        drawn(engine, control=[control(files, ",form=statistics,weight=0.5")]),
        drawn(engine, control=[control(files, ",form=statistics,fidelity=1")]),
        drawn(engine, control=[control(files, ",form=statistics,stop=0.5")]),
        drawn(engine, control=[control(files, ",form=both")]),
        drawn(engine, control=both),
    ]
    assert len(set(found)) == len(found)
    assert np.abs(levels(engine, control=both) - levels(engine, control=both[::-1])).max() <= 1


def test_attention_is_the_form_that_is_not_named(engine, files):
    named = drawn(engine, control=[control(files, ",form=attention")])
    assert named == drawn(engine, control=[control(files)])


def test_statistics_change_the_whole_picture(engine, files):
    changed = np.abs(levels(engine, control=[control(files, ",form=statistics")]) - levels(engine))
    quarters = [part for half in np.array_split(changed, 2) for part in np.array_split(half, 2, axis=1)]
    assert all(part.mean() > 1 for part in quarters)
    assert (changed.max(axis=-1) > 0).mean() > 0.9


def test_a_transformer_has_no_statistics(engine, files, tmp_path):
    export_diffusers(toy.make(SD3["sd3-medium"]), tmp_path / "model")
    wishes = {"model": str(tmp_path / "model"), "width": 32, "height": 32, "steps": 1}
    for form in ("statistics", "both"):
        with pytest.raises(
            BadValue, match=f"form={form} is of features in planes, and this model is a transf"
        ):
            draw(engine, recipe(control=[control(files, f",form={form}")], **wishes))


@pytest.mark.parametrize(
    "settings", [",weight=0", ",start=0.9,stop=0.95", ",form=statistics,weight=0", ",form=both,weight=0"]
)
def test_what_has_no_weight_or_no_step_changes_no_bit(engine, files, settings):
    assert drawn(engine, control=[control(files, settings)]) == drawn(engine)


@pytest.mark.parametrize("form", ["attention", "statistics"])
def test_a_small_weight_changes_little(engine, files, form):
    """The way from nothing to all of it has no step."""
    plain = levels(engine)
    changes = [
        np.abs(levels(engine, control=[control(files, f",form={form},weight={weight}")]) - plain).mean()
        for weight in (1e-6, 0.01, 1)
    ]
    assert changes[0] < 0.01 < changes[1] < changes[2]


def test_it_costs_one_more_call_in_its_steps(engine, files, monkeypatch):
    network = engine._models.get(recipe().passes[0].model, "float32").model.denoiser
    calls, forward = [], network.forward

    def counting(x, *rest):
        calls.append(len(x))
        return forward(x, *rest)

    monkeypatch.setattr(network, "forward", counting)
    drawn(engine, control=[control(files, ",stop=0.5")])
    assert calls == [2] * 6


@pytest.mark.parametrize(("mode", "form"), [("exact", ""), ("fast", ""), ("exact", ",form=both")])
def test_a_batch_is_drawn_as_each_alone(engine, files, mode, form):
    wishes = {"control": [control(files, form)], "numerics": mode}
    recipes = [recipe(text, seed=seed, **wishes) for text, seed in (("a", 1), ("a red apple", 2))]
    assert_a_batch_is_as_each_alone(engine, recipes)


@pytest.mark.parametrize("form", ["attention", "statistics"])
def test_with_masks_tiles_passes_seams_and_guides(engine, files, form):
    each = [
        {"image": files / "photo.png", "mask": files / "mask.png"},
        {"width": 64, "height": 48, "tile": 32, "tile_overlap": 16},
        {"seamless": "both"},
        {"then": ["scale=1.5,strength=0.6"]},
        {"guide": ["pag:2"], "negative": "blue"},
        {"guide": ["sag:1"], "negative": "blue"},
        {"sampler": "heun"},
    ]
    for wishes in each:
        said = [[control(files, f",form={form}", picture=one)] for one in ("photo", "other")]
        found = {drawn(engine, control=one, **wishes) for one in said}
        assert len(found | {drawn(engine, **wishes)}) == 3, wishes
    wishes = {"width": 64, "height": 48, "control": [control(files, f",form={form}")]}
    assert drawn(engine, **wishes, tile=64) == drawn(engine, **wishes)


@pytest.mark.parametrize(
    "family", [SMALL_XL, SMALL2, SD3["sd3-medium"], SD3["sd3.5-medium"]], ids=lambda one: one.name
)
def test_every_family_that_draws_from_a_text_looks_at_one(engine, files, family, tmp_path):
    family = family if family.name.startswith("sd3") else lettered(family)
    export_diffusers(toy.make(family), tmp_path / "model")
    wishes = {"model": str(tmp_path / "model"), "width": 32, "height": 32, "steps": 2}
    found = {drawn(engine, control=[control(files, picture=one)], **wishes) for one in ("photo", "other")}
    assert len(found | {drawn(engine, **wishes)}) == 3


def test_a_model_that_is_shown_a_picture_refuses(engine, files, tmp_path):
    export_diffusers(toy.make(like(SD1_INPAINTING, LETTERS)), tmp_path / "inpaint")
    wishes = {"model": str(tmp_path / "inpaint"), "image": files / "photo.png", "mask": files / "mask.png"}
    with pytest.raises(MezzotintError, match="cannot look at a reference"):
        draw(engine, recipe(control=[control(files)], width=32, height=32, **wishes))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (",weight=-1", "counts or does not"),
        (",blocks=1+1", "no network that it is for"),
        (",shows=depth", "no network that it is for"),
        (",fidelity=2", "out of range"),
        (",form=adain", "unknown reference form 'adain'"),
        (",form=both,weight=2", "nothing lies beyond"),
    ],
)
def test_what_is_wrong_is_said(files, settings, told):
    with pytest.raises(MezzotintError, match=told):
        control_from_text(control(files, settings))


@pytest.mark.parametrize("said", ["fidelity=0.5", "form=both"])
def test_only_a_reference_has_a_fidelity_and_a_form(said):
    with pytest.raises(BadValue, match="only a reference has one"):
        control_from_text(f"net.safetensors:{said}")


def test_the_network_looks_at_the_reference_at_the_noise_of_the_drawing():
    """SD 1: what it is shown is (clean + sigma noise) / sqrt(sigma^2 + 1), the rows of one picture alike."""
    shown = []

    class Seeing:
        own_sites = frozenset({"mid"})

        def __call__(self, x, t, cond, inject):
            shown.append((x, t, inject.recalled))
            return Output(x)

    generator = torch.Generator().manual_seed(1)
    clean, noise, x = (torch.randn(n, 4, 2, 2, generator=generator) for n in (2, 2, 3))
    level = Level(torch.tensor(300.0), torch.tensor(1.0), torch.tensor(2.5))
    pictures, times = torch.tensor([0, 1, 0]), torch.full((3,), 300.0)
    rows = Rows(
        x, times, Conditioning(torch.zeros(3, 1, 1)), pictures, torch.zeros(3, dtype=torch.bool), level
    )
    adds = reference(Looking(Seeing(), NOISE, clean, noise), control_from_text("reference"), "one", None)
    (memory,) = adds(rows).memories.values()
    assert memory.weight is None
    ((seen, at, recalled),) = shown
    wanted = (clean + 2.5 * noise)[pictures] / (2.5**2 + 1) ** 0.5
    assert torch.allclose(seen, wanted, atol=1e-6) and not torch.allclose(seen, clean[pictures], atol=0.1)
    assert at is times and recalled == {"mid"}


@pytest.mark.parametrize(
    ("settings", "weights"),
    [
        ("", [1.0, 0.5]),
        ("fidelity=0.2,weight=2", [2.0, 1.6]),
        ("mode=control", [1.0, 0.0]),
        ("mode=prompt,weight=3", [3.0, 3.0]),
        ("mode=prompt", None),
        ("fidelity=0", None),
    ],
)
def test_the_negative_prompt_sees_less_of_it(settings, weights):
    found = weight_of(control_from_text(f"reference:{settings}"), torch.tensor([False, True]))
    assert weights == (None if found is None else pytest.approx(found.tolist()))
    alone = weight_of(control_from_text("reference"), torch.tensor([False]))
    assert alone is None


def test_the_embedded_model_looks_at_one(engine, files, tmp_path):
    wishes = {"model": "mini", "steps": 2, "width": 64, "height": 64}
    assert drawn(engine, control=[control(files)], **wishes) != drawn(engine, **wishes)
    draw(engine, recipe(control=[control(files)], **wishes)).save(tmp_path / "a.png")
    told = [row for section in inspect(tmp_path / "a.png").sections for row in section.rows]
    assert ("control", "reference:1") in told


@pytest.mark.slow
def test_pictures_of_the_embedded_model_come_nearer_to_their_reference(engine, tmp_path):
    """Colours of 8 x 8 places, over 16 pictures; with the reference of another they change as much and come no nearer.
    Measured with LPIPS: bench/reference.py."""
    things, shown = ("a mug", "a house", "a car", "a fish"), ("apple", "flower", "heart", "star")
    colours = ("red", "blue", "green", "yellow", "purple")

    def places(text, seed, **wishes):
        image = draw(engine, recipe(text, seed=seed, model="mini", width=64, height=64, steps=10, **wishes))
        image.save(tmp_path / f"{seed}.png")
        return np.asarray(image.image.convert("RGB").resize((8, 8), Image.Resampling.BOX), dtype=float)

    references = [places(f"a {colours[k % 5]} {shown[k % 4]}, 3d render", 1000 + k) for k in range(16)]

    def far(shift):
        found = []
        for k, wanted in enumerate(references):
            file = tmp_path / f"{1000 + (k + (shift or 0)) % 16}.png"
            said = {} if shift is None else {"control": [f"reference:image={file},fidelity=1"]}
            found.append(np.abs(places(f"{things[k % 4]}, 3d render", k, **said) - wanted).mean())
        return np.mean(found)

    without, own, others = far(None), far(0), far(3)
    print(f"without {without:.2f}, own {own:.2f}, another's {others:.2f}")
    assert own < 0.95 * min(without, others)
