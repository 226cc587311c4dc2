"""No file is lost: names in batches and of replays, and pictures that go with others by their names."""

import numpy as np
from PIL import Image

from cli.commands import error_of, files, here
from cli.test_pictures import SIZED, photo, pixels, place
from families.reduced import small
from mezzotint.families.export import export_diffusers
from mezzotint.values.metadata import read

__all__ = ["place"]


def test_pictures_of_one_name_have_files_of_their_own(capsys, place):
    for number, name in enumerate(("a.png", "b/a.png", "c/A.png", "a.jpg")):
        photo(place / "in" / name if "/" not in name else place / name, (32, 32 + 8 * number))
    words = [
        "b/a.png",
        "c/A.png",
        "in/a.jpg",
        "in/a.png",
        "a red apple",
        *SIZED,
        "--strength",
        "0",
        "-o",
        "out",
    ]
    assert here(capsys, "edit", *words).code == 0
    made = ["A-png-2.png", "a-jpg.png", "a-png-3.png", "a-png.png"]
    assert files(place / "out") == made
    sources = {read(place / "out" / name).recipe.passes[0].source.picture.file for name in made}
    assert sources == set(words[:4])
    assert "4 of 4 pictures are there from before" in here(capsys, "edit", *words).out
    assert here(capsys, "edit", *words, "--overwrite").code == 0
    assert files(place / "out") == made


def test_two_pictures_beside_each_other_that_differ_in_kind_alone(capsys, place):
    photo(place / "a.png")
    photo(place / "a.jpg")
    assert here(capsys, "edit", "a.jpg", "a.png", "a red apple", *SIZED, "--strength", "0").code == 0
    assert files(place) == ["a-jpg-edit.png", "a-png-edit.png", "a.jpg", "a.png"]


def test_a_number_that_is_added_does_not_take_the_name_of_another_picture(capsys, place):
    for name in ("a.png", "a-2.png"):
        photo(place / "in" / name)
    assert here(capsys, "edit", "in/a.png", "in/a.png", "x", *SIZED, "--strength", "0", "-o", "out").code == 0
    assert here(capsys, "edit", "in", "a red apple", *SIZED, "--strength", "0", "-o", "out").code == 0
    assert len(files(place / "out")) == 3


def test_replay_writes_over_nothing(capsys, place):
    photo(place / "a.png")
    Image.new("L", (32, 32), 255).save("m.png")
    assert here(capsys, "inpaint", "a.png", "an apple", "--mask", "m.png", *SIZED, "-o", "b.png").code == 0
    before = {path: path.read_bytes() for path in place.iterdir()}
    for name in ("a.png", "m.png", "b.png"):
        assert "output: " in error_of(here(capsys, "replay", "b.png", "-o", name))
    assert "no/such.png" in error_of(here(capsys, "replay", "b.png", "--image", "no/such.png"))
    assert {path: path.read_bytes() for path in place.iterdir()} == before
    (place / "c.png").write_bytes(b"something else")
    done = here(capsys, "replay", "b.png", "-o", "c.png")
    assert (done.code, done.out.splitlines()[1]) == (0, "c-2.png  that name was taken, so a number was added")
    assert (place / "c.png").read_bytes() == b"something else"
    assert here(capsys, "replay", "b.png", "-o", ".").code == 0
    assert (pixels("b-replay.png") == pixels("b.png")).all()


def test_an_empty_name_is_no_folder(capsys, place):
    here(capsys, "a red apple", *SIZED, "--seed", "5", "-o", "a.png")
    photo(place / "b.png")
    assert "PROMPT is missing" in error_of(here(capsys, "edit", "a.png", ""))
    assert "is empty" in error_of(here(capsys, "edit", "", "an apple"))
    assert here(capsys, "vary", "a.png", "").code == 0
    assert files(place) == ["a-vary.png", "a.png", "b.png"]


def test_depth_of_a_folder_goes_by_name(capsys, place):
    export_diffusers(small("sd2-depth"), place / "model")
    for name in ("a.png", "b.jpg", "c.png"):
        photo(place / "in" / name, (16, 16))
    (place / "near").mkdir()
    ramp = np.tile(np.arange(16, dtype=np.uint8) * 16, (16, 1))
    Image.fromarray(ramp).save("near/a.png")
    Image.fromarray(np.ascontiguousarray(ramp[:, ::-1])).save("near/b.png")
    words = ["--model", "model", "--steps", "2", "--threads", "1", "--width", "16", "--height", "16"]
    done = here(capsys, "edit", "in", "a boat", *words, "--depth", "near")
    assert done.code == 1
    assert "in/c.png: there is no picture of depth of this name in near; put c.png there" in error_of(done)
    given = {
        name: read(place / "in-edit" / name).recipe.passes[0].source.depth for name in ("a.png", "b.png")
    }
    assert {name: depth.file for name, depth in given.items()} == {
        "a.png": "near/a.png",
        "b.png": "near/b.png",
    }
    alone = here(
        capsys, "edit", "in/b.jpg", "a boat", *words, "--seed", "0", "--depth", "near/b.png", "-o", "d.png"
    )
    assert alone.code == 0
    assert (pixels("d.png") == pixels("in-edit/b.png")).all()
    assert "a folder holds one for each" in " ".join(here(capsys, "edit", "--help").out.split())


def test_a_picture_may_only_be_fitted_by_every_verb_that_starts_from_one(capsys, place):
    photo(place / "a.png")
    assert here(capsys, "upscale", "a.png", "--redraw", "no").code == 0
    assert here(capsys, "edit", "a.png", "an apple", "--redraw", "no", "--width", "64").code == 0
    assert here(capsys, "an apple", "--image", "a.png", "--redraw", "no", *SIZED, "-o", "b.png").code == 0
    assert pixels("a-edit.png").shape == pixels("a-upscale.png").shape == (64, 64, 3)
    assert (pixels("b.png") == pixels("a.png")).all()
    assert "redraw: is no" in error_of(
        here(capsys, "edit", "a.png", "an apple", "--redraw", "no", "--strength", "0.5")
    )
