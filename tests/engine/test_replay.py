"""Replay: equal pictures are called equal, others by how much and why."""

from dataclasses import replace

import pytest
from PIL import Image

from engine.recipes import draw, recipe
from mezzotint.engine.engine import Engine
from mezzotint.engine.replay import Replay, compared, engine_for, replay, saved
from mezzotint.values.errors import BadPicture
from mezzotint.values.picture import Picture


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def picture(engine):
    return draw(engine, recipe())


def outcome(path, engine):
    (found,) = [event for event in replay(saved(path), engine) if isinstance(event, Replay)]
    return found


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_an_own_picture_is_drawn_again_bit_for_bit(tmp_path, engine, picture, ending):
    path = tmp_path / f"a.{ending}"
    picture.save(path)
    found = outcome(path, engine)
    assert found.equal
    assert found.verdict == "bit-equal"
    assert found.picture.image.tobytes() == picture.image.tobytes()


def test_a_touched_pixel_is_counted(tmp_path, picture):
    image = picture.image.copy()
    r, g, b = image.getpixel((3, 4))
    image.putpixel((3, 4), (r, (g + 7) % 256 if g < 249 else g - 7, b))
    Picture(image, picture.recipe, picture.facts).save(tmp_path / "a.png")
    found = compared(saved(tmp_path / "a.png"), picture)
    assert (found.levels, found.share, found.equal) == (7, 1 / 1024, False)
    assert found.verdict == (
        "equal to 7 levels of 255 (0.098 % of the pixels differ): every recorded fact is the same"
    )


def test_what_changed_since_is_named(tmp_path, picture):
    other = replace(picture.facts, torch_version="2.11.0", model_digest="0" * 64, threads=64)
    Picture(picture.image, picture.recipe, other).save(tmp_path / "a.png")
    found = compared(saved(tmp_path / "a.png"), picture)
    assert [r.what for r in found.reasons] == ["version of torch", "number of threads", "model"]
    assert found.verdict.startswith("bit-equal although the version of torch was 2.11.0 and is ")
    assert "number of threads was 64 and is 1" in found.verdict
    assert "model was 000000000000... and is " in found.verdict


def test_another_recipe_in_the_file_is_another_picture(tmp_path, engine, picture):
    Picture(picture.image, recipe(seed=6), picture.facts).save(tmp_path / "a.png")
    found = outcome(tmp_path / "a.png", engine)
    assert found.levels > 1
    assert found.share > 0.5


def test_another_size_is_said(tmp_path, engine, picture):
    wide = Picture(Image.new("RGB", (40, 32)), picture.recipe, picture.facts)
    wide.save(tmp_path / "a.png")
    found = outcome(tmp_path / "a.png", engine)
    assert not found.equal
    assert "size of the picture was 40x32 and is 32x32" in found.verdict


def test_the_recorded_number_of_threads_is_used_again(tmp_path, picture):
    Picture(picture.image, picture.recipe, replace(picture.facts, threads=3)).save(tmp_path / "a.png")
    old = saved(tmp_path / "a.png")
    assert engine_for(old, "cpu").placement.threads == 3
    assert engine_for(old, "cpu", 2).placement.threads == 2


def test_a_picture_without_a_recipe_cannot_be_replayed(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(BadPicture, match="cannot be drawn again"):
        saved(tmp_path / "a.png")


def test_damaged_pixels_are_said(tmp_path, picture):
    picture.save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) - 400])
    with pytest.raises(BadPicture, match="pixels cannot be read"):
        saved(tmp_path / "b.png")
