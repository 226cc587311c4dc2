"""The verbs that start from pictures: one picture, folders, what is refused, and that no original is written over."""

import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cli.commands import TOY, apart, command, error_of, files, here
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.composing.originals import pictures_of
from mezzotint.engine.composing.redrawing import varied
from mezzotint.values.controls import ControlUse
from mezzotint.values.facts import RunFacts
from mezzotint.values.metadata import read
from mezzotint.values.picture import Picture
from mezzotint.values.source import PictureUse

SIZED = TOY
BARE = ("--model", "toy", "--steps", "2", "--threads", "1")
"""Flags for quick pictures whose size follows from the source."""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photo(path, size=(32, 32), hole=False):
    """A picture with colour everywhere, the right half transparent when it has a hole."""
    across, down = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    levels = np.stack([across * 255 / size[0], down * 255 / size[1], (across + down) % 256], axis=2)
    image = Image.fromarray(levels.astype(np.uint8))
    if hole:
        image.putalpha(Image.fromarray(np.where(across < size[0] // 2, 255, 0).astype(np.uint8)))
    path.parent.mkdir(exist_ok=True)
    image.save(path)
    return path


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def source(path):
    return read(path).recipe.passes[0].source


def test_edit_is_image_to_image_beside_the_picture(capsys, place):
    photo(place / "a.png")
    done = here(capsys, "edit", "a.png", "a red apple", *SIZED, "--seed", "5", "--strength", "0.5")
    assert (done.code, files(place)) == (0, ["a-edit.png", "a.png"])
    words = ["a red apple", *SIZED, "--seed", "5", "--image", "a.png", "--strength", "0.5"]
    assert here(capsys, *words, "-o", "b.png").code == 0
    assert (place / "a-edit.png").read_bytes() == (place / "b.png").read_bytes()
    assert here(capsys, "replay", "a-edit.png").out == "a-edit.png: bit-equal\n"


def test_words_may_stand_on_both_sides_of_flags(capsys, place):
    photo(place / "a.png")
    assert here(capsys, "edit", *SIZED, "a.png", "--seed", "5", "a red apple", "--strength", "0").code == 0
    assert read(place / "a-edit.png").recipe.prompt.text == "a red apple"


def test_inpaint_keeps_what_lies_outside_the_mask(capsys, place):
    photo(place / "a.png")
    Image.fromarray(np.repeat(np.uint8([[0] * 16 + [255] * 16]), 32, 0)).save("m.png")
    assert here(capsys, "inpaint", "a.png", "an apple", "--mask", "m.png", *SIZED).code == 0
    old, new = pixels("a.png"), pixels("a-inpaint.png")
    assert (old[:, :16] == new[:, :16]).all()
    assert (old[:, 16:] != new[:, 16:]).any()


def test_inpaint_of_a_large_picture_keeps_its_size(capsys, place):
    photo(place / "a.png", (160, 120))
    mask = Image.new("L", (160, 120))
    mask.paste(255, (40, 40, 60, 60))
    mask.save("m.png")
    assert here(capsys, "inpaint", "a.png", "an apple", "--mask", "m.png", *BARE).code == 0
    assert source("a-inpaint.png").mask.area == "masked"
    old, new = pixels("a.png"), pixels("a-inpaint.png")
    assert old.shape == new.shape
    assert (old[:, 70:] == new[:, 70:]).all()


def test_inpaint_fills_what_is_transparent(capsys, place):
    photo(place / "a.png", hole=True)
    assert here(capsys, "inpaint", "a.png", "an apple", *SIZED).code == 0
    with Image.open("a-inpaint.png") as image:
        assert image.mode == "RGB"
    photo(place / "b.png")
    said = error_of(here(capsys, "inpaint", "b.png", "an apple", *SIZED))
    assert "mask: there is none" in said


def test_outpaint_adds_space_and_keeps_the_rest(capsys, place):
    photo(place / "a.png", (64, 64))
    done = here(capsys, "outpaint", "a.png", "an apple", "--right", "32", "--top", "16", *BARE)
    assert done.code == 0
    old, new = pixels("a.png"), pixels("a-outpaint.png")
    assert new.shape == (80, 96, 3)
    # The mask reaches 4 pixels into the old picture, and its blur a few more.
    assert (new[16 + 16 :, :48] == old[16:, :48]).all()
    assert source("a-outpaint.png").strength == 1
    assert source("a-outpaint.png").mask.fill == "surround"


def test_outpaint_needs_space(capsys, place):
    photo(place / "a.png")
    assert "there is no new space" in error_of(here(capsys, "outpaint", "a.png", "an apple", *BARE))
    both = ["--right", "8", "--extend", "8", "0", "0", "0"]
    assert "use one of both" in error_of(here(capsys, "outpaint", "a.png", "an apple", *BARE, *both))


def test_vary_takes_the_recipe_of_the_picture(capsys, place):
    words = ["--guide", "rescale:0.5", "--guidance", "4", "--negative", "blue", "--seed", "5"]
    assert here(capsys, "a red apple", *SIZED, *words, "-o", "a.png").code == 0
    assert here(capsys, "vary", "a.png", "--variation-seed", "9").code == 0
    old, new = read(place / "a.png").recipe, read(place / "a-vary.png").recipe
    assert (new.noise.variation_seed, new.noise.variation_strength) == (9, 0.3)
    assert new.model_copy(update={"noise": old.noise}) == old
    assert (pixels("a.png") != pixels("a-vary.png")).any()
    assert here(capsys, "vary", "a-vary.png", "a pear", "--guidance", "2", "--variation-seed", "10").code == 0
    again = read(place / "a-vary-vary.png").recipe
    assert again.prompt.text == "a pear"
    assert [guide.kind for guide in again.passes[0].guides] == ["cfg", "rescale"]
    assert again.passes[0].guides[0].scale == 2


def test_vary_keeps_what_no_option_says(capsys, place):
    photo(place / "m.png")
    words = ["--region", "m.png:a pear", "--then", "scale=2,strength=0.5", "--seed", "5"]
    assert here(capsys, "{a red|a red} apple", *SIZED, *words, "-o", "a.png").code == 0
    assert here(capsys, "vary", "a.png", "--variation-seed", "9").code == 0
    old, new = read(place / "a.png").recipe, read(place / "a-vary.png").recipe
    assert new.model_copy(update={"noise": old.noise}) == old
    assert here(capsys, "upscale", "a.png").code == 0
    (only,) = read(place / "a-upscale.png").recipe.passes
    assert only.source.picture.file == "a.png"
    (place / "m.png").rename(place / "n.png")
    assert "m.png" in error_of(here(capsys, "replay", "a.png"))
    assert here(capsys, "replay", "a.png", "--image", "n.png").out == "a.png: bit-equal\n"


def test_vary_keeps_controls(place):
    photo(place / "hint.png")
    plain = compose("an apple", model="toy", width=32, height=32, seed=5)
    control = ControlUse(file="net.safetensors", picture=PictureUse(file="hint.png"))
    recipe = plain.model_copy(
        update={"passes": (plain.passes[0].model_copy(update={"controls": (control,)}),)}
    )
    facts = RunFacts("0", "0", "cpu", 1, "default", None, 1.0)
    Picture(Image.new("RGB", (32, 32)), recipe, facts).save(place / "a.png")
    new = varied(place / "a.png", {"variation_seed": 9})
    assert new.model_copy(update={"noise": recipe.noise}) == recipe
    assert varied(place / "a.png", {"strength": 0.5}).passes[0].controls == (control,)
    assert pictures_of(recipe) == {Path("hint.png")}


def test_vary_with_a_strength_draws_the_picture_over(capsys, place):
    here(capsys, "a red apple", *SIZED, "-o", "a.png")
    assert here(capsys, "vary", "a.png", "--strength", "0.5").code == 0
    assert source("a-vary.png").strength == 0.5
    photo(place / "b.png")
    assert here(capsys, "vary", "b.png", "a red apple", *SIZED).code == 0
    assert source("b-vary.png").strength == 0.4


def test_a_picture_without_a_recipe_needs_a_prompt(capsys, place):
    photo(place / "b.png")
    for verb in ("vary", "upscale"):
        assert "b.png holds no recipe" in error_of(here(capsys, verb, "b.png", *BARE))
    for verb in ("edit", "inpaint", "outpaint"):
        assert "PROMPT is missing" in error_of(here(capsys, verb, "b.png", *BARE))


def test_the_prompt_of_another_program_is_read(capsys, place):
    text = "a (red:1.2) apple\nNegative prompt: blue\nSteps: 20, Sampler: Euler, Seed: 3, Size: 32x32"
    texts = PngInfo()
    texts.add_text("parameters", text)
    Image.new("RGB", (32, 32), "red").save("a.png", pnginfo=texts)
    assert here(capsys, "upscale", "a.png", *BARE).code == 0
    prompt = read(place / "a-upscale.png").recipe.prompt
    assert (prompt.text, prompt.negative, prompt.dialect) == ("a (red:1.2) apple", "blue", "a1111")
    assert here(capsys, "vary", "a.png", "a pear", *BARE).code == 0
    assert read(place / "a-vary.png").recipe.prompt.text == "a pear"


def test_a_folder_goes_into_a_folder_beside_it(capsys, place):
    for name in ("b.png", "a.jpg", "a.png"):
        photo(place / "in" / name)
    (place / "in" / "notes.txt").write_text("no picture")
    done = here(capsys, "edit", "in", "a red apple", *SIZED)
    assert done.code == 0
    assert files(place / "in-edit") == ["a-jpg.png", "a-png.png", "b.png"]
    assert {read(path).recipe.seed for path in (place / "in-edit").iterdir()} == {0}
    assert files(place / "in") == ["a.jpg", "a.png", "b.png", "notes.txt"]


def test_the_folder_one_is_in(capsys, place, monkeypatch):
    photo(place / "in" / "a.png")
    monkeypatch.chdir(place / "in")
    assert here(capsys, "edit", ".", "a red apple", *SIZED).code == 0
    assert files(place) == ["in-edit/a.png", "in/a.png"]


def test_a_second_run_keeps_what_is_there(capsys, place):
    for name in ("a.png", "b.png"):
        photo(place / "in" / name)
    here(capsys, "edit", "in", "a red apple", *SIZED, "-o", "out")
    first = (place / "out" / "a.png").stat().st_mtime_ns
    (place / "out" / "b.png").unlink()
    done = here(capsys, "edit", "in", "a red apple", *SIZED, "-o", "out")
    assert "1 of 2 pictures are there from before" in done.out
    assert (place / "out" / "a.png").stat().st_mtime_ns == first
    assert files(place / "out") == ["a.png", "b.png"]
    here(capsys, "edit", "in", "a red pear", *SIZED, "-o", "out")
    assert files(place / "out") == ["a-2.png", "a.png", "b-2.png", "b.png"]
    done = here(capsys, "vary", "out", "--overwrite", "-o", "varied")
    assert done.code == 0
    again = here(capsys, "vary", "out", "-o", "varied")
    assert "4 of 4 pictures are there from before" in again.out


def test_a_bad_picture_is_told_and_the_rest_goes_on(capsys, place):
    for name in ("a.png", "c.png", "d.png"):
        photo(place / "in" / name)
    (place / "in" / "b.png").write_bytes(b"no picture")
    whole = (place / "in" / "c.png").read_bytes()
    (place / "in" / "c.png").write_bytes(whole[: len(whole) // 2])
    done = here(capsys, "edit", "in", "a red apple", *SIZED)
    told = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert (done.code, len(told)) == (1, 2)
    assert "b.png" in told[0]
    assert "c.png" in told[1]
    assert "2 of 4 pictures could not be used" in done.out
    assert files(place / "in-edit") == ["a.png", "d.png"]


def test_masks_of_a_folder_go_by_name(capsys, place):
    for name in ("a.png", "b.jpg", "c.png"):
        photo(place / "in" / name)
    (place / "masks").mkdir()
    Image.new("L", (32, 32), 0).save("masks/a.png")
    Image.new("L", (32, 32), 255).save("masks/b.png")
    done = here(capsys, "inpaint", "in", "an apple", "--mask", "masks", *SIZED)
    assert done.code == 1
    assert "there is no mask of this name" in error_of(done)
    assert (pixels("in-inpaint/a.png") == pixels("in/a.png")).all()
    assert (pixels("in-inpaint/b.png") != pixels("in/b.jpg")).any()


def test_a_pattern_and_several_pictures_lie_beside_theirs(capsys, place):
    for name in ("a.png", "b.png", "c.jpg"):
        photo(place / name)
    assert here(capsys, "edit", "*.png", "c.jpg", "an [old] apple", *SIZED, "--count", "2").code == 0
    made = [f"{stem}-edit-{i}.png" for stem in "abc" for i in (1, 2)]
    assert files(place) == sorted(["a.png", "b.png", "c.jpg", *made])


def test_no_original_is_written_over(capsys, place):
    for name in ("a.png", "b.png", "a-edit.png"):
        photo(place / "in" / name)
    before = {path: path.read_bytes() for path in (place / "in").iterdir()}
    (place / "link.png").symlink_to(place / "in" / "a.png")
    a, words = "in/a.png", ["a red apple", *SIZED]
    for command_line in (
        ["edit", a, *words, "-o", a, "--overwrite"],
        ["edit", a, *words, "-o", a],
        ["edit", a, *words, "-o", "link.png", "--overwrite"],
        ["edit", "in", *words, "-o", "in"],
        ["edit", a, "in/b.png", "in/a-edit.png", *words, "--overwrite"],
        ["inpaint", a, *words, "--mask", "in/b.png", "-o", "in/b.png", "--overwrite"],
        [*words, "--image", a, "-o", a, "--overwrite"],
        [*words, "--region", f"{a}:a pear", "-o", a, "--overwrite"],
    ):
        assert "output: " in error_of(here(capsys, *command_line))
    assert {path: path.read_bytes() for path in (place / "in").iterdir()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["edit"], "PICTURE is missing"),
        (["edit", "none.png", "an apple"], "there is no such picture"),
        (["edit", "a red apple"], "there is no such picture"),
        (["edit", "empty", "an apple"], "there is no picture in this folder"),
        (["edit", "a.png", "a.png", "an apple", "another"], "there is no such picture"),
        (["edit", "in", "an apple", "-o", "one.png"], "is one picture, and several are to be written"),
        (["edit", "in", "an apple", "-o", "no/such"], "no such folder"),
        (["edit", "a.png", "an apple", "--strength", "2"], "strength"),
        (["edit", "a.png", "an apple", "--count", "0"], "out of range"),
        (["edit", "a.png", "an apple", "--left", "8"], "unknown flag --left"),
    ],
)
def test_what_is_refused(capsys, place, words, said):
    photo(place / "a.png")
    photo(place / "in" / "a.png")
    (place / "empty").mkdir()
    before = files(place)
    done = here(capsys, *words)
    assert said in error_of(done)
    assert done.code in (1, 2)
    assert files(place) == before


def test_help_shows_what_matters_first(capsys):
    text = here(capsys, "outpaint", "--help").out
    assert text.index("--left") < text.index("--seed") < text.index("--clip-skip")
    assert not any(line.startswith("  --image ") for line in text.splitlines())
    assert text.count("--strength ") == 1


def test_a_stopped_batch_goes_on(capsys, place):
    for number in range(4):
        photo(place / "in" / f"{number}.png")
    words = ["edit", "in", "a red apple", *BARE, "--width", "64", "--steps", "200", "--sampler", "euler"]
    with subprocess.Popen(command(*words), cwd=place, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not list(place.glob("in-edit/*.png")) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert "are kept; the same command goes on from there" in said
    kept = files(place / "in-edit")
    assert 0 < len(kept) < 4
    done = apart(*words, folder=place)
    assert f"{len(kept)} of 4 pictures are there from before" in done.out
    assert files(place / "in-edit") == ["0.png", "1.png", "2.png", "3.png"]


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
def test_transparency_comes_through(capsys, place, ending):
    photo(place / "a.png", hole=True)
    done = here(capsys, "edit", "a.png", "an apple", *SIZED, "--count", "2", "-o", f"b.{ending}")
    assert done.code == 0
    with Image.open(f"b-1.{ending}") as new, Image.open("a.png") as old:
        if ending == "jpg":
            assert np.asarray(new)[:, 24:].min() > 240
        else:
            assert new.getchannel("A").tobytes() == old.getchannel("A").tobytes()
    with Image.open(f"b-grid.{ending}") as grid:
        assert min(grid.convert("RGB").getpixel((8 + 120, 28 + 64))) > 240
    assert here(capsys, "replay", f"b-1.{ending}").out == f"b-1.{ending}: bit-equal\n"


def test_replay_finds_the_source_or_says_what_is_wanted(capsys, place):
    photo(place / "in" / "a.png")
    assert here(capsys, "edit", "in/a.png", "an apple", *SIZED, "-o", "b.png").code == 0
    wanted = source("b.png").picture.sha256
    (place / "in" / "a.png").rename(place / "moved.png")
    said = error_of(here(capsys, "replay", "b.png"))
    assert f"in/a.png: the picture with sha256 {wanted} is wanted, and it is not there" in said
    assert here(capsys, "replay", "b.png", "--image", "moved.png").out == "b.png: bit-equal\n"
    (place / "moved.png").rename(place / "a.png")
    assert here(capsys, "replay", "b.png").out == "b.png: bit-equal\n"
    photo(place / "in" / "a.png", (40, 40))
    (place / "a.png").unlink()
    assert "another one has its name" in error_of(here(capsys, "replay", "b.png"))
