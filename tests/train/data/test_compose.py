"""Composed samples: deterministic, true to their captions, and without anything that is held out."""

import re
from collections import Counter

import fakes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mezzotint.train.data.captions import STYLE_WORDS, plain_caption
from mezzotint.train.data.colours import GROUNDS, PAINTS, hue_of
from mezzotint.train.data.compose import render, sample, samples
from mezzotint.train.data.held import COLOURS, PAIRS, colour_is_held, held_styles, pair_is_held
from mezzotint.train.data.scenes import KINDS, Scene, Thing, draw_scene
from mezzotint.train.data.sets import SETS
from mezzotint.train.data.sprites import Selection, Sprites, load
from mezzotint.values.errors import DataProblem, UnknownName


@pytest.fixture(scope="module")
def sprites(built):
    """All training sprites of the fake data at 64 pixels."""
    return load(built, 64)


def drawn(sprites, count, held=False):
    """Many scenes."""
    return [draw_scene(np.random.default_rng((7, index)), sprites, held=held) for index in range(count)]


def test_the_same_number_gives_the_same_sample(sprites):
    one, two = sample(sprites, 3, 11, 48), sample(sprites, 3, 11, 48)
    assert np.array_equal(one.image, two.image) and one.caption == two.caption
    assert next(samples(sprites, 3, 48, start=11)).caption == one.caption
    others = {sample(sprites, 3, index, 48).caption for index in range(30)}
    assert len(others) > 15
    assert (
        sample(sprites, 4, 11, 48).caption != one.caption or sample(sprites, 4, 12, 48).caption != one.caption
    )


@pytest.mark.parametrize("size", [32, 64, 100, 128])
def test_pictures_have_the_size(sprites, size):
    for index in range(20):
        made = sample(sprites, 0, index, size)
        assert made.image.shape == (size, size, 3) and made.image.dtype == np.uint8
        for left, top, right, bottom in made.boxes:
            assert 0 <= left < right <= size and 0 <= top < bottom <= size


def test_nothing_held_is_ever_drawn(sprites):
    scenes = drawn(sprites, 4000)
    assert not any(scene.is_held for scene in scenes)
    pairs = {tuple(sorted(t.sprite.name for t in scene.things)) for scene in scenes if scene.relation}
    cells = {(t.sprite.name, t.colour) for scene in scenes for t in scene.things if t.colour}
    assert len(pairs) > 20 and not any(pair_is_held(*pair) for pair in pairs)
    assert len(cells) > 30 and not any(colour_is_held(*cell) for cell in cells)


def test_held_scenes_are_all_held(sprites):
    scenes = drawn(sprites, 300, held=True)
    assert all(scene.is_held for scene in scenes)
    assert {scene.kind for scene in scenes} == {"pair", "colour"}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**63), index=st.integers(0, 2**40))
def test_no_stream_ever_shows_what_is_held(sprites, seed, index):
    assert not sample(sprites, seed, index, 32).scene.is_held


def test_the_held_part_is_as_large_as_it_should_be():
    words = [f"word{number}" for number in range(200)]
    pairs = np.mean([pair_is_held(a, b) for a in words for b in words if a < b])
    cells = np.mean([colour_is_held(word, colour) for word in words for colour in PAINTS])
    assert abs(pairs - PAIRS) < 0.02 and abs(cells - COLOURS) < 0.03
    assert all(pair_is_held(a, b) == pair_is_held(b, a) for a in words[:20] for b in words[:20])


def test_held_styles_are_few_and_of_wide_concepts():
    styles = {f"c{number}": ("a", "b", "c", "d")[: 3 + number % 2] for number in range(1000)}
    hidden = held_styles(styles, count=100)
    assert 60 < len(hidden) < 140
    assert all(len(styles[label]) == 4 and style in styles[label] for label, style in hidden.items())
    assert held_styles({}) == {}


def test_kinds_come_as_often_as_they_should(sprites):
    counts = Counter(scene.kind for scene in drawn(sprites, 3000))
    for kind, share in KINDS.items():
        assert 0.5 * share < counts[kind] / 3000 < 1.5 * share + 0.02


def mass(image, ground):
    """Where the picture differs from its background."""
    return (np.abs(image.astype(int) - GROUNDS[ground or "white"]) > 12).any(-1)


@pytest.mark.parametrize("relation", ["left", "above"])
def test_places_are_true(sprites, relation):
    """The first thing's colour has its mass on the side that the relation says."""
    red, blue = (next(s for s in sprites.of_style("flat") if s.hue.name == name) for name in ("red", "blue"))
    scene = Scene("pair", (Thing(red), Thing(blue)), relation=relation)
    for seed in range(20):
        image = render(scene, np.random.default_rng(seed), 64)[0].astype(int)
        reddish, bluish = image[..., 0] > image[..., 2] + 60, image[..., 2] > image[..., 0] + 60
        axis = 1 if relation == "left" else 0
        first, second = (np.nonzero(plane)[axis] for plane in (reddish, bluish))
        assert first.size > 50 and second.size > 50
        assert first.max() < second.min()


def test_captions_say_what_is_where(sprites):
    pattern = re.compile(
        r"(?P<a>\w+) (to the left of|left of|to the right of|right of|above|over|below|under) "
    )
    seen = Counter()
    for index in range(600):
        made = sample(sprites, 5, index, 32)
        scene = made.scene
        if scene.relation in ("left", "above"):
            found = pattern.search(made.caption)
            assert found, made.caption
            words = found.group(2)
            turned = "right" in words or words in ("below", "under")
            first = scene.things[1 if turned else 0].sprite.name
            assert found["a"] == first
            seen[words] += 1
    assert len(seen) == 8


def test_counts_are_true(sprites):
    for index in range(400):
        made = sample(sprites, 6, index, 64)
        if made.scene.count > 1:
            assert len(made.boxes) == made.scene.count
            assert {2: "two", 3: "three", 4: "four"}[made.scene.count] in made.caption
            for one, box in enumerate(made.boxes):
                for other in made.boxes[one + 1 :]:
                    apart = (
                        box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
                    )
                    assert apart, made.boxes


@pytest.mark.parametrize("colour", sorted(PAINTS))
def test_a_colour_word_shows(sprites, colour):
    chosen = [s for s in sprites.of_style("flat") if s.hue.recolourable]
    assert chosen
    for sprite in chosen:
        image, _ = render(Scene("colour", (Thing(sprite, colour),)), np.random.default_rng(0), 64)
        opaque = np.dstack([image, np.where(mass(image, None), 255, 0).astype(np.uint8)])
        assert hue_of(opaque).name == colour
        assert colour in plain_caption(Scene("colour", (Thing(sprite, colour),)))


def test_a_ground_fills_the_corners_and_is_named(sprites):
    for index in range(800):
        made = sample(sprites, 8, index, 48)
        ground = made.scene.ground
        corner = made.image[0, 0]
        assert tuple(corner) == GROUNDS[ground or "white"]
        assert ground is None or f"{ground} background" in made.caption


def test_small_is_smaller_than_large(sprites):
    sprite = sprites.of_style("flat")[0]

    def area(extent):
        scene = Scene("size", (Thing(sprite),), extent=extent)
        return np.mean([mass(render(scene, np.random.default_rng(s), 64)[0], None).sum() for s in range(10)])

    assert area("small") * 2 < area(None) < area("large")


def test_captions_are_english(sprites):
    for index in range(800):
        said = sample(sprites, 9, index, 32).caption
        assert said == said.strip() and "  " not in said and "{" not in said
        assert not re.search(r"\ban? [aeiou]", said.replace("an ", "AN ").replace("a u", "A u")), said
        assert not re.search(r"\ban [^aeiou]", said), said


def test_every_set_has_style_words():
    assert {entry.style for entry in SETS.values()} == set(STYLE_WORDS)
    assert all("{}" in phrase for phrases in STYLE_WORDS.values() for phrase in phrases)
    assert all(style in phrases[0] for style, phrases in STYLE_WORDS.items())


def test_selection(built, sprites):
    few = load(built, 32, Selection(concepts=3, styles=("flat", "old")))
    assert set(few.styles) == {"flat", "old"} and len(few.concepts) == 3
    assert few.all[0].pixels.shape == (32, 32, 4)
    assert few.concepts == tuple(name for name in fakes.TABLE if name in few.concepts)
    hidden = load(built, 32, Selection(split="held_style"))
    assert not {s.key for s in hidden.all} & {s.key for s in sprites.all}
    assert sprites.find("flat", few.concepts[0]).style == "flat"


def test_bad_selections(built, sprites):
    grey = [sprite for sprite in sprites.of_style("flat") if sprite.hue.name == "grey"][:1]
    with pytest.raises(DataProblem, match="no sprite"):
        load(built, 32, Selection(styles=("nothing",)))
    with pytest.raises(UnknownName, match="flat"):
        sprites.of_style("flatt")
    with pytest.raises(UnknownName, match="concept"):
        sprites.find("flat", "nobody")
    with pytest.raises(DataProblem, match="held-out"):
        draw_scene(np.random.default_rng(0), Sprites(grey), held=True)
