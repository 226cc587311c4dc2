"""The verb `control`, and `vary` and `upscale` of what followed a picture."""

from cli.commands import TOY as SIZED
from cli.commands import error_of, here
from cli.test_pictures import photo, pixels, place, source
from engine.followers import controlnet_file
from mezzotint.values.metadata import read

__all__ = ["place"]


def test_control_follows_a_picture_and_draws_from_noise(capsys, place):
    photo(place / "a.png")
    controlnet_file(place / "net.safetensors")
    words = ("a red apple", *SIZED, "--seed", "5", "--control", "net.safetensors:tile:down=2")
    assert here(capsys, "control", "a.png", *words).code == 0
    assert here(capsys, *words[:-1], f"{words[-1]},image=a.png", "-o", "b.png").code == 0
    assert source(place / "a-control.png") is None
    assert (place / "a-control.png").read_bytes() == (place / "b.png").read_bytes()
    assert here(capsys, *words[:-2], "-o", "c.png").code == 0
    assert (pixels(place / "b.png") != pixels(place / "c.png")).any()
    assert "say what follows the picture" in error_of(here(capsys, "control", "a.png", *words[:-2]))
    over = here(capsys, "control", "a.png", *words, "--strength", "0.5")
    assert "is followed, not drawn over" in error_of(over)


def test_what_a_picture_followed_its_variations_follow(capsys, place):
    photo(place / "a.png")
    controlnet_file(place / "net.safetensors")
    words = ("a red apple", *SIZED, "--seed", "5", "--control", "net.safetensors:image=a.png")
    assert here(capsys, *words, "-o", "b.png").code == 0
    for verb in (("vary",), ("upscale", "--by", "1.5")):
        assert here(capsys, verb[0], "b.png", *verb[1:], "--model", "toy", "--threads", "1").code == 0
        made = read(place / f"b-{verb[0]}.png").recipe.passes[0]
        assert made.controls == read(place / "b.png").recipe.passes[0].controls != ()
