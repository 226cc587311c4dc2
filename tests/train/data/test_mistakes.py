"""Captions that are wrong in one fact."""

from pathlib import Path

import numpy as np
import pytest

from mezzotint.train.data import sprites as loader
from mezzotint.train.data.captions import plain_caption
from mezzotint.train.data.mistakes import mistaken
from mezzotint.train.data.scenes import Scene, draw_scene
from mezzotint.train.data.sprites import Sprites
from mezzotint.train.sources import Composed, Phrased


@pytest.fixture(scope="module")
def sprites(built: Path) -> Sprites:
    return loader.load(built, 64)


def scenes(sprites: Sprites, count: int) -> list[Scene]:
    random = np.random.default_rng(3)
    return [draw_scene(random, sprites) for _ in range(count)]


def test_one_fact_is_wrong_and_the_things_are_the_same(sprites: Sprites) -> None:
    random = np.random.default_rng(4)
    seen: set[str] = set()
    for scene in scenes(sprites, 400):
        wrong = mistaken(scene, random)
        if wrong is None:
            assert scene.count == 1 and scene.extent is None
            continue
        assert plain_caption(wrong) != plain_caption(scene)
        assert sorted(t.sprite.key for t in wrong.things) == sorted(t.sprite.key for t in scene.things)
        seen.add(scene.kind)
    assert {"pair", "colour", "count", "size"} <= seen


def test_what_is_true_either_way_round_is_no_mistake(sprites: Sprites) -> None:
    random = np.random.default_rng(4)
    beside = [
        s for s in scenes(sprites, 2000) if s.relation == "beside" and not any(t.colour for t in s.things)
    ]
    assert beside
    assert all(mistaken(scene, random) is None for scene in beside)


def test_the_same_index_has_the_same_mistake(built: Path) -> None:
    first, again = (Phrased(Composed(built, size=16)) for _ in range(2))
    rows = [first(index)[1:] for index in range(40)]
    assert rows == [again(index)[1:] for index in range(40)]
    assert any(wrong for _, _, wrong in rows) and not all(wrong for _, _, wrong in rows)
