"""The networks that a pass follows: whose picture a row is, how much each place counts, and at which steps."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from engine.recipes import first, recipe
from mezzotint.diffusion.denoise import EMPTY, NEGATIVE, POSITIVE
from mezzotint.engine.followed import Asked
from mezzotint.engine.following import SOFT, rows_of, site_weights, union
from mezzotint.engine.stages import planned
from mezzotint.families.toy import TOY
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.values.controls import ControlUse


def test_rows_know_their_picture_and_their_text():
    places = torch.tensor([0, 1, 2, 3, 4, 5, 8])
    request = SimpleNamespace(texts=(POSITIVE.text, NEGATIVE.text, EMPTY.text), level=None)
    rows = rows_of(places, places, Conditioning(places), places, request, 3)
    assert rows.pictures.tolist() == [0, 1, 2, 0, 1, 2, 2]
    assert rows.negative.tolist() == [False, False, False, True, True, True, True]


def test_with_the_mode_prompt_the_first_counts_least_and_the_middle_wholly():
    weights = site_weights(ControlUse(file="a", weight=2.0, mode="prompt"), 13)
    assert list(weights) == sorted(weights)
    assert weights[0] == pytest.approx(2 * SOFT) and weights[-1] == 2
    assert weights[5] / weights[4] == pytest.approx(1 / 0.825)
    assert site_weights(ControlUse(file="a", weight=2.0), 3) == (2, 2, 2)


@pytest.mark.parametrize("weights", [(0.5,), (0.5, 2.0)])
def test_one_hint_of_a_union_is_weighed_once(weights):
    """Alone by all that it adds, together where they are fused."""
    asked = []

    class Net:
        net = SimpleNamespace(control=SimpleNamespace(factor=8), geometry=TOY.unet)

        def __call__(self, x, t, cond, hints, kinds, scales):
            asked.append(tuple(scales))
            return Inject({"mid": torch.ones(1)})

    uses = [ControlUse(file="a", weight=weight) for weight in weights]
    adds = union(Net(), [torch.zeros(1, 3, 8, 8)] * len(uses), [0] * len(uses), uses, None)
    places = torch.tensor([0])
    request = SimpleNamespace(texts=(POSITIVE.text,), level=None)
    made = adds(rows_of(torch.zeros(1, 4, 1, 1), places, Conditioning(places), places, request, 1))
    assert asked == [(1.0,) if len(weights) == 1 else weights]
    assert made.residuals["mid"].tolist() == [0.5 if len(weights) == 1 else 1.0]


def test_start_and_stop_are_shares_of_the_steps_that_are_walked(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (32, 32), "red").save(path)
    half = ControlUse(file="a", start=0.5)
    for wishes, whole, wanted in (({}, 0, 5), ({"image": path, "strength": 0.4}, 6, 8)):
        walk = first(recipe(steps=10, **wishes))
        plan = planned(TOY.path, walk.use).cut(whole, 10)
        start, stop = Asked(None, [walk], None, None, plan).span(half)
        assert (start, stop) == (pytest.approx(wanted), pytest.approx(10))
