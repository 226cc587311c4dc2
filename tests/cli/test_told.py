"""What is said of a picture that came out as nobody would expect: not drawn over, or of one frame among several."""

import numpy as np
import pytest
from PIL import Image

from cli.commands import error_of, here
from cli.test_pictures import BARE, photo, pixels, place
from mezzotint.engine.walk import walks_nothing
from mezzotint.values.recipe import Pass
from mezzotint.values.source import InitPicture, Source

__all__ = ["place"]

PICTURE = InitPicture(file="a.png")


@pytest.mark.parametrize(
    ("steps", "source", "nothing"),
    [
        (4, None, False),
        (4, Source(picture=PICTURE, strength=0.25), False),
        (4, Source(picture=PICTURE, strength=0.24), True),
        (10, Source(picture=PICTURE, strength=0.1), False),
        (1, Source(picture=PICTURE), True),
        (1, Source(picture=PICTURE, strength=1.0), False),
        (4, Source(start="kept", strength=0.1), False),
    ],
)
def test_which_passes_have_no_step_to_walk(steps, source, nothing):
    use = Pass(sampler="euler", spacing="leading", steps=steps, source=source)
    assert walks_nothing(use) == nothing
    listed = use.model_copy(update={"sigmas": tuple(np.linspace(9, 1, steps)), "steps": steps})
    assert walks_nothing(listed) == nothing


def test_too_few_steps_for_a_strength_are_told(capsys, place):
    photo(place / "a.png")
    words = ["edit", "a.png", "an apple", *BARE, "--width", "32", "-o", "b.png", "--overwrite"]
    said = here(capsys, *words, "--steps", "2", "--strength", "0.4").out
    assert "b.png  32x32, not drawn over, " in said
    assert "; strength 0.4 of 2 steps is not one: use 3 or more\n" in said
    assert here(capsys, *words, "--steps", "3", "--strength", "0.4").out.count("3 steps") == 1
    plain = here(capsys, *words, "--strength", "0").out
    assert "not drawn over" in plain and "; strength" not in plain
    one = here(capsys, *words, "--steps", "1", "--strength", "1")
    assert ", 1 step, " in one.out
    assert "with toy, 1 step\n" in one.err


def test_frames_that_are_left_out_are_told(capsys, place):
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    photo(place / "b.png")
    note = "; a.gif: the first of 2 frames is used\n"
    assert note in here(capsys, "edit", "a.gif", "an apple", *BARE).out
    several = here(capsys, "edit", "a.gif", "b.png", "an apple", *BARE, "-o", "out").out
    assert several.count(note) == 1
    assert note in here(capsys, "inpaint", "b.png", "an apple", "--mask", "a.gif", *BARE, "-o", "c.png").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["outpaint", "a.png", "x", "--top", "-3"], "top: -3 is out of range; use 0 to 4096"),
        (["outpaint", "a.png", "x", "--right", "5000"], "right: 5000 is out of range; use 0 to 4096"),
        (["outpaint", "a.png", "x", "--right", "4096"], "extend: the picture with its new space is 4128x32"),
        (["edit", "cut.png", "x"], "is damaged or cut off; copy it again"),
        (["edit", "none", "x"], "there is no such picture"),
        (["hint", "canny", "folder"], "folder: is a directory; check the path"),
        (["hint", "canny", "wide.png", "--side", "8"], "side: 8 is out of range for this picture; use 16 to"),
        (["inpaint", "folder", "x", "--mask", "no"], "no: there is no such mask, and no folder of them"),
        (["edit", "a.png", "x", "--depth", "no"], "no: there is no such picture of depth"),
        (["inpaint", "a.png", "x", "--mask", "a\0b"], "there is no such mask"),
        (
            ["edit", "a.png", "x", "--style", "oil"],
            "style: there are no styles, so no 'oil'; put a styles.csv",
        ),
        (["x", "--mask", "a.png"], "something was said about it: mask; give a picture"),
    ],
)
def test_the_flag_and_the_way_out_are_named(capsys, place, words, said):
    photo(place / "a.png")
    photo(place / "wide.png", (64, 32))
    photo(place / "folder" / "a.png")
    whole = (place / "a.png").read_bytes()
    (place / "cut.png").write_bytes(whole[: len(whole) // 2])
    assert said in error_of(here(capsys, *words, *([] if words[0] == "hint" else BARE)))
    assert (pixels("a.png") == pixels("folder/a.png")).all()


def test_a_picture_that_was_only_enlarged_is_drawn_over_to_vary_it(capsys, place):
    photo(place / "plain.png")
    here(capsys, "a red apple", *BARE, "--width", "32", "--height", "32", "--seed", "5", "-o", "own.png")
    for name in ("plain", "own"):
        assert here(capsys, "upscale", f"{name}.png", "--redraw", "no", "-o", f"{name}-2.png").code == 0
    for verb in (["vary"], ["upscale", "--strength", "0.3"]):
        assert "prompt: is missing" in error_of(here(capsys, *verb, "plain-2.png"))
    assert here(capsys, "vary", "own-2.png", *BARE, "--steps", "4").code == 0
    assert (pixels("own-2-vary.png") != pixels("own-2.png")).any()
    assert here(capsys, "upscale", "plain-2.png", "--by", "1", "-o", "again.png").code == 0
    assert (pixels("again.png") == pixels("plain-2.png")).all()
