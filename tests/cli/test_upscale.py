"""The verb `upscale`: by the model's own upscaler, or drawn over."""

import numpy as np
from PIL import Image

from cli.commands import error_of, here
from cli.test_pictures import SIZED, photo, pixels, place
from mezzotint.values.metadata import read

__all__ = ["place"]


def test_upscale_enlarges_and_draws_over(capsys, place):
    here(capsys, "a red apple", *SIZED, "--seed", "5", "-o", "a.png")
    assert here(capsys, "upscale", "a.png", "--strength", "0").code == 0
    assert pixels("a-upscale.png").shape == (64, 64, 3)
    recipe = read(place / "a-upscale.png").recipe
    assert (recipe.prompt.text, recipe.passes[0].source.strength) == ("a red apple", 0)
    assert here(capsys, "upscale", "a.png", "--by", "3", "-o", "large.png").code == 0
    recipe = read(place / "large.png").recipe
    assert (recipe.width, recipe.passes[0].tiling.tile, recipe.passes[0].source.strength) == (96, 64, 0.3)
    assert "out of range" in error_of(here(capsys, "upscale", "a.png", "--by", "9"))


def test_the_embedded_model_enlarges_with_its_own_upscaler_and_draws_only_when_asked(capsys, place):
    photo(place / "a.png")
    told = here(capsys, "upscale", "a.png")  # without a prompt: nothing is drawn
    assert told.code == 0
    assert "64x64, not drawn over" in told.out and "fitting a picture with mini, not drawn over" in told.err
    assert "steps" not in told.out + told.err
    recipe = read(place / "a-upscale.png").recipe
    source = recipe.passes[0].source
    assert (source.upscaler, source.redraw, source.strength) == ("mini_2x", "no", 0)
    assert (recipe.width, recipe.height, recipe.passes[0].tiling.tile) == (64, 64, None)
    assert here(capsys, "replay", "a-upscale.png").code == 0
    assert here(capsys, "upscale", "a.png", "--by", "4", "--upscaler", "lanczos", "-o", "b.png").code == 0
    with Image.open("a.png") as image:
        wanted = np.asarray(image.convert("RGB").resize((128, 128), Image.Resampling.LANCZOS))
    assert np.array_equal(pixels("b.png"), wanted)
    for said in (("--strength", "0.3"), ("--redraw", "yes"), ("--steps", "4")):
        assert "prompt: is missing" in error_of(here(capsys, "upscale", "a.png", *said))
        assert here(capsys, "upscale", "a.png", "a red apple", *said, "-o", "c.png", "--overwrite").code == 0
        source = read(place / "c.png").recipe.passes[0].source
        assert (source.upscaler, source.redraw, source.strength) == ("mini_2x", "yes", 0.3)


def test_the_inpainting_variant_enlarges_as_the_embedded_model_does(capsys, place):
    photo(place / "a.png")
    assert here(capsys, "upscale", "a.png", "--model", "mini-inpainting").code == 0
    assert read(place / "a-upscale.png").recipe.passes[0].source.upscaler == "mini_2x"
    drawn = here(
        capsys, "upscale", "a.png", "red", "--model", "mini-inpainting", "--strength", "0.2", "-o", "b.png"
    )
    assert drawn.code == 0
    assert read(place / "b.png").recipe.passes[0].source.strength == 0.2


def test_one_side_says_how_large_and_too_large_is_said_of_the_factor(capsys, place):
    photo(place / "a.png", (48, 32))
    assert here(capsys, "upscale", "a.png", "--width", "96", "-o", "b.png").code == 0
    assert here(capsys, "upscale", "a.png", "--height", "64", "-o", "c.png").code == 0
    assert pixels("b.png").shape == pixels("c.png").shape == (64, 96, 3)
    photo(place / "large.png", (1600, 200))
    said = error_of(here(capsys, "upscale", "large.png", "--by", "3"))
    assert "by: 3 times 1600x200 is larger than 4096 pixels a side; use at most 2.56" in said
    photo(place / "huge.png", (4200, 400))
    assert "make the picture smaller first" in error_of(here(capsys, "upscale", "huge.png"))
