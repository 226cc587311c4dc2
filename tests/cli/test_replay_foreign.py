"""`mezzotint replay` of pictures that web UIs saved: drawn, saved, and what was not understood in one line each."""

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cli.commands import TOY, error_of, files, here
from mezzotint.values.metadata import read

SETTINGS = "Steps: 2, Sampler: Euler, Schedule type: Karras, CFG scale: 4, Seed: 5, Size: 32x32, RNG: CPU"
QUICK = ("--model", "toy", "--threads", "1", "--device", "cpu")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def foreign(name, more="", prompt="a red apple"):
    """A picture with the settings text of a web UI."""
    texts = PngInfo()
    texts.add_text("parameters", f"{prompt}\n{SETTINGS}{more}")
    Image.new("RGB", (32, 32), "red").save(name, pnginfo=texts)


def test_it_is_drawn_as_the_same_flags_draw(capsys, place):
    foreign("a.png")
    before = (place / "a.png").read_bytes()
    done = here(capsys, "replay", "a.png", *QUICK)
    assert done.code == 0
    assert done.out.startswith("a-replay.png  seed 5, 32x32, 2 steps")
    assert len(done.out.splitlines()) == 1
    flags = ("--sampler", "euler", "--spacing", "karras", "--guidance", "4", "--noise", "cpu")
    assert here(capsys, "a red apple", *TOY, *flags, "--seed", "5", "-o", "b.png").code == 0
    assert np.array_equal(Image.open("a-replay.png"), Image.open("b.png"))
    assert here(capsys, "replay", "a-replay.png").out == "a-replay.png: bit-equal\n"
    assert (place / "a.png").read_bytes() == before


def test_what_was_not_understood_is_told_and_quiet_is_quiet(capsys, place):
    foreign("a.png", ", Model: dreams, Foo: 3")
    lines = here(capsys, "replay", "a.png", *QUICK).out.splitlines()[1:]
    assert lines == ["Model: dreams: drawn with toy", "Foo: 3: is not known here"]
    again = here(capsys, "replay", "a.png", *QUICK, "--quiet")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert files(place) == ["a-replay-2.png", "a-replay.png", "a.png"]


def test_it_starts_from_the_picture_that_is_named(capsys, place):
    foreign("a.png", ", Denoising strength: 0.5")
    foreign("b.png")
    assert "give it with --image" in here(capsys, "replay", "a.png", *QUICK, "-o", "c.png").out
    assert here(capsys, "replay", "a.png", *QUICK, "--image", "b.png", "-o", "d.png").code == 0
    source = read(place / "d.png").recipe.passes[0].source
    assert (source.picture.file, source.strength) == ("b.png", 0.5)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("-o", "a.png"), "never written over"),
        (("--model", "nowhere"), "no model 'nowhere'"),
        (("--image", "a.png", "--image", "b.png"), "image: is given several times"),
        (("-o", "a.gif"), "no kind of picture"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(capsys, place, words, text):
    foreign("a.png")
    assert text in error_of(
        here(capsys, "replay", "a.png", *(words if "--model" in words else (*QUICK, *words)))
    )
    assert files(place) == ["a.png"]


def test_our_own_recipe_names_its_model(capsys):
    here(capsys, "a red apple", *TOY, "-o", "a.png")
    assert "use `mezzotint vary`" in error_of(here(capsys, "replay", "a.png", "--model", "toy"))
