"""Pictures and masks of every bad kind through the command line: one line, no traceback, no file. And odd masks."""

import numpy as np
import pytest
from PIL import Image

from cli.commands import TOY, error_of, files, here
from values.test_photo import BAD


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty folder to work in, beside a good picture of 32 x 32 pixels."""
    levels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "good.png")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("flag", ["image", "mask"])
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_said_in_one_line(capsys, work, name, flag):
    (work.parent / "bad.png").write_bytes(BAD[name][0])
    image = ["--image", "../good.png" if flag == "mask" else "../bad.png"]
    done = here(capsys, "a cat", *image, *(["--mask", "../bad.png"] if flag == "mask" else []), *TOY)
    assert done.code not in (0, 1)
    assert "bad.png: " in error_of(done)
    assert files(work) == []


@pytest.mark.parametrize("flag", ["--image", "--mask"])
@pytest.mark.parametrize(
    "path", ["..", "../absent.png", "", "~nobody-of-this-name/a.png", "a\0b", "x" * 5000]
)
def test_what_is_no_file_is_said_in_one_line(capsys, work, path, flag):
    image = ["--image", "../good.png"] if flag == "--mask" else []
    done = here(capsys, "a cat", *image, flag, path, *TOY)
    assert done.code not in (0, 1)
    error_of(done)
    assert files(work) == []


@pytest.mark.parametrize(
    ("flags", "saying"),
    [
        (["--strength", "1.1"], "strength: 1.1 is out of range"),
        (["--strength", "0.5"], "image: is missing"),
        (["--mask", "../good.png"], "image: is missing"),
        (["--image", "../good.png", "--extend", "8"], "extend"),
        (["--image", "../good.png", "--mask-blur", "3"], "mask: there is none"),
        (["--image", "../good.png", "--then", "scale=9"], "scale: 9"),
        (["--image", "../good.png", "--start", "kept"], "start: only a pass after another one"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(capsys, work, flags, saying):
    done = here(capsys, "a cat", *flags, *TOY)
    assert done.code not in (0, 1)
    assert saying in error_of(done)
    assert files(work) == []


def half(mode, size=(32, 32)):
    """A mask whose right half is white, in many ways to say it."""
    mask = Image.new("L", size, 0)
    mask.paste(255, (size[0] // 2, 0, *size))
    if mode == "LA":  # white all over, and seen only on the right
        mask = Image.merge("LA", (Image.new("L", size, 255), mask))
    return mask.convert(mode)


MASKS = {
    "grey": half("L"),
    "colours": half("RGB"),
    "palette": half("P"),
    "one bit": half("1"),
    "transparent": half("LA"),
    "smaller": half("L", (16, 16)),
    "larger": half("RGB", (96, 96)),
    "of another shape": half("L", (64, 16)),
    "sixteen bits": Image.fromarray(np.asarray(half("L"), dtype=np.uint16) * 257),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_every_kind_keep_what_is_black(capsys, work, name):
    MASKS[name].save(work.parent / "mask.png")
    done = here(
        capsys, "a cat", "--image", "../good.png", "--mask", "../mask.png", *TOY, "--seed", 1, "-o", "a.png"
    )
    assert done.code == 0, done.err
    drawn, good = (np.asarray(Image.open(path)) for path in ("a.png", "../good.png"))
    assert np.array_equal(drawn[:, :15], good[:, :15])
    assert (drawn[:, 17:] != good[:, 17:]).any(axis=2).mean() > 0.9


def test_a_black_mask_gives_the_picture_back_and_a_white_one_draws_all_of_it(capsys, work):
    for level in (0, 255):
        Image.new("RGB", (32, 32), (level,) * 3).save(work.parent / "mask.png")
        given = ["--image", "../good.png", "--mask", "../mask.png", "-o", f"{level}.png", "--seed", 1]
        assert here(capsys, "a cat", *given, *TOY).code == 0
    black, white, good = (np.asarray(Image.open(path)) for path in ("0.png", "255.png", "../good.png"))
    assert np.array_equal(black, good)
    assert (white != good).any(axis=2).mean() > 0.9


def test_the_picture_itself_is_never_written_over(capsys, work):
    before = (work.parent / "good.png").read_bytes()
    done = here(capsys, "a cat", "--image", "../good.png", "-o", "../good.png", *TOY)
    assert done.code == 0, done.err
    assert (work.parent / "good.png").read_bytes() == before
