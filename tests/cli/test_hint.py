"""`mezzotint hint`: any picture in, an exact PNG out, nothing lost and nothing half-written."""

import errno
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cli.commands import error_of, files, here
from mezzotint.engine.hinting import make_hint


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with a photo and something that is none."""
    levels = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "photo.png")
    Image.fromarray(levels).convert("CMYK").save(tmp_path / "print.jpg")
    (tmp_path / "text.png").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


GIVEN = ["photo.png", "print.jpg", "text.png"]


def test_a_hint_is_saved(capsys, place):
    done = here(capsys, "hint", "canny:low=50,high=200", "photo.png", "-o", "edges.png")
    assert (done.code, done.out, done.err) == (0, "edges.png  canny:low=50, 48x40\n", "")
    with Image.open("edges.png") as made, Image.open("photo.png") as photo:
        assert made.format == "PNG"
        assert np.array_equal(made, make_hint("canny:50", photo.convert("RGB")))


def test_its_name_is_made_and_no_file_is_lost(capsys, place):
    for _ in range(2):
        assert here(capsys, "hint", "colour:8", "photo.png", "--quiet").out == ""
    here(capsys, "hint", "blur:3", "photo.png", "--overwrite")
    here(capsys, "hint", "blur:4", "photo.png", "--overwrite")
    made = ["photo-blur.png", "photo-colour-2.png", "photo-colour.png"]
    assert files(place) == sorted([*GIVEN, *made])


def test_photos_of_any_kind(capsys, place):
    assert here(capsys, "hint", "lineart", "print.jpg").out == "print-lineart.png  lineart, 48x40\n"


def test_the_picture_is_made_as_large_as_wanted(capsys, place):
    done = here(capsys, "hint", "tile", "photo.png", "--side", "96")
    assert done.out == "photo-tile.png  tile, 96x80\n"
    with Image.open("photo-tile.png") as made:
        assert made.size == (96, 80)


def test_what_is_transparent_is_white(capsys, place):
    Image.new("RGBA", (32, 32), (0, 0, 0, 0)).save("clear.png")
    here(capsys, "hint", "invert", "clear.png", "-o", "made.png")
    with Image.open("made.png") as made:
        assert made.getextrema() == ((0, 0),) * 3


def test_the_list_shows_every_setting(capsys):
    done = here(capsys, "hint", "--list")
    assert done.code == 0
    assert "scribble " in done.out
    assert "(sigma=2, low=40, high=80, width=6)" in done.out


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ([], "NAME is missing", "--list"),
        (["canny"], "FILE is missing", "--list"),
        (["cany", "photo.png"], "unknown hint 'cany'", "did you mean canny?"),
        (["canny:9999", "photo.png"], "canny low: 9999 is out of range", "use 0 to 2040"),
        (["canny", "none.png"], "none.png: no such file", "check the path"),
        (["canny", "text.png"], "text.png: is no picture of a known kind", "use one of PNG"),
        (["canny", "."], ".: ", ""),
        (["canny", "photo.png", "--side", "0"], "side: 0 is out of range", "to 4096"),
        (["canny", "photo.png", "--side", "7"], "side: 7 is out of range for this picture", "to 4096"),
        (["canny", "photo.png", "-o", "a.jpg"], "output: 'a.jpg' is no PNG", "end it in .png"),
        (["canny", "photo.png", "-o", "a.gif"], "output: 'a.gif'", "end it in .png"),
        (["canny", "photo.png", "-o", "no/a.png"], "no: could not be written", "make it first"),
        (
            ["canny", "photo.png", "-o", "photo.png", "--overwrite"],
            "output: is the picture itself",
            "choose another name",
        ),
    ],
)
def test_bad_input_is_one_line_and_leaves_no_file(capsys, place, words, message, hint):
    done = here(capsys, "hint", *words)
    line = error_of(done)
    assert line.startswith(f"error: {message}"), line
    assert hint in line
    assert done.code == (1 if "could not be written" in line else 2)
    assert files(place) == GIVEN


def test_the_extra_is_named_without_opencv(capsys, place, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    line = error_of(here(capsys, "hint", "canny", "photo.png"))
    expected = "error: opencv-python-headless is not installed; pip install 'mezzotint[control]'"
    assert (line, files(place)) == (expected, GIVEN)


def test_a_full_disk_leaves_nothing(capsys, place, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    line = error_of(here(capsys, "hint", "invert", "photo.png", "-o", "a.png"))
    assert line.startswith("error: a.png: could not be written: No space left")
    assert files(place) == GIVEN


def test_a_hint_comes_without_torch(place):
    code = (
        "import sys, json; from mezzotint.cli.main import main; main(['hint', 'invert', 'photo.png', '-q']);"
    )
    code += "print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
