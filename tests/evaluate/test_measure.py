"""The rows of the table, on questions and pictures with known answers."""

import numpy as np
import pytest
import torch
from PIL import Image

from mezzotint.evaluate.measure import colours, distances, layouts, memorised, recognised, reconstructions
from mezzotint.evaluate.probe import Probe
from mezzotint.evaluate.questions import (
    Question,
    colour_questions,
    layout_questions,
    ordinary_questions,
    seen_questions,
    style_questions,
)
from mezzotint.train.data.colours import Hue
from mezzotint.train.data.held import colour_is_held, pair_is_held
from mezzotint.train.data.sprites import Sprite, Sprites
from mezzotint.train.lpips import Lpips
from mezzotint.values.errors import DataProblem

NAMES = ("cup", "ball", "kite", "drum", "ring", "book", "coat", "lamp", "boot", "fork", "bell", "vase")


def _sprite(place: int, name: str) -> Sprite:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[4:28, 4 : 6 + 2 * place] = (200, 30, 30, 255)
    hue = Hue("red", 0.0, 1.0, True, True)
    return Sprite(f"k{place}", name, (name,), frozenset(), False, "flat", place, hue, "train", pixels)


@pytest.fixture(scope="module")
def sprites() -> Sprites:
    """Twelve red things of different widths."""
    return Sprites([_sprite(place, name) for place, name in enumerate(NAMES)])


def test_questions_are_never_trained_on_and_always_the_same(sprites: Sprites) -> None:
    asked = colour_questions(sprites, 6, 1, 64)
    assert all(colour_is_held(q.scene.things[0].sprite.name, q.scene.things[0].colour or "") for q in asked)
    assert all((q.scene.things[0].colour or "") in q.prompt for q in asked)
    pairs = layout_questions(sprites, 6, 1, 64)
    assert all(pair_is_held(*(t.sprite.name for t in q.scene.things)) for q in pairs)
    assert [q.prompt for q in pairs] == [q.prompt for q in layout_questions(sprites, 6, 1, 64)]
    assert len({q.prompt for q in pairs}) == 6


def test_too_many_questions_are_an_error(sprites: Sprites) -> None:
    with pytest.raises(DataProblem, match="held-out scenes"):
        colour_questions(sprites, 80, 1, 64)


def test_other_questions_cover_what_they_say(sprites: Sprites) -> None:
    assert {q.scene.things[0].sprite.name for q in style_questions(sprites, 0, 64)} == set(NAMES)
    assert len(seen_questions(sprites, 5, 0, 64)) == 5
    assert not any(q.scene.is_held for q in ordinary_questions(sprites, 20, 0, 64))


def test_real_pictures_have_the_colour_and_grey_ones_do_not(sprites: Sprites) -> None:
    asked = colour_questions(sprites, 6, 1, 64)
    right = colours(asked, [q.real for q in asked])
    assert right.value == right.real == 100
    assert colours(asked, [Image.new("RGB", (64, 64), "white")] * 6).value == 0


def _probe(count: int) -> Probe:
    """Answers with the place of the largest feature."""
    weights = torch.cat([torch.eye(count, dtype=torch.float64), torch.zeros(1, count, dtype=torch.float64)])
    return Probe(NAMES[:count], weights)


def _features(places: list[int]) -> torch.Tensor:
    return torch.eye(len(NAMES))[places]


def test_layout_counts_pairs_in_order(sprites: Sprites) -> None:
    asked: list[Question] = layout_questions(sprites, 4, 1, 64)
    places = [NAMES.index(t.sprite.concept) for q in asked for t in q.scene.things]
    exchanged = [places[i ^ 1] for i in range(8)]
    half = exchanged[:4] + places[4:]
    row = layouts(asked, _features(half), _features(places), _probe(12))
    assert (row.value, row.real, row.count) == (50, 100, 4)


def test_recognition_counts_right_answers(sprites: Sprites) -> None:
    asked = seen_questions(sprites, 12, 0, 64)[:8]
    places = [NAMES.index(q.scene.things[0].sprite.concept) for q in asked]
    wrong = [(place + 1) % 12 for place in places[:2]] + places[2:]
    row = recognised("object", asked, _features(wrong), _features(places), _probe(12))
    assert (row.value, row.real) == (75, 100)


def test_distances_stand_beside_their_floor() -> None:
    generator = torch.Generator().manual_seed(0)
    real, other = (torch.randn(60, 5, generator=generator) for _ in range(2))
    fid, kid = distances(real + 2, real, other)
    assert fid.real is not None
    assert fid.value > 10 * fid.real
    assert kid.value > 10 * abs(kid.real or 0)


def test_reconstruction_and_memorisation_by_distance(sprites: Sprites) -> None:
    torch.manual_seed(0)
    lpips = Lpips()
    pictures = torch.rand(3, 3, 64, 64)
    noise, near = reconstructions(pictures, pictures, lpips)
    assert noise.value == pytest.approx(100)
    assert near.value == 0
    known = [q.real for q in seen_questions(sprites, 12, 0, 64)]
    assert memorised(known[:2], known, 1e-6, lpips).value == 100
    stranger = Image.effect_mandelbrot((64, 64), (-2, -1, 1, 1), 20).convert("RGB")
    assert memorised([known[0], stranger], known, 1e-6, lpips).value == 50
