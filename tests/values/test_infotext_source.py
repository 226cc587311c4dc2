"""Infotexts of pictures from pictures: keys as web UIs write them, and further passes read back."""

import pytest

from mezzotint.values.infotext import parse, render
from mezzotint.values.infotext_source import FILLS, UPSCALERS, passes
from mezzotint.values.names import FILLS as ALL_FILLS
from mezzotint.values.names import UPSCALERS as ALL_UPSCALERS
from mezzotint.values.options import assemble, flatten
from mezzotint.values.pass_text import from_text
from mezzotint.values.recipe import Prompt, Recipe
from mezzotint.values.source import Source
from mezzotint.values.span import Span
from values.samples import PLAIN


def settings(recipe: Recipe) -> dict[str, str]:
    return dict(parse(render(recipe)).params)


def started(**options: object) -> Recipe:
    return assemble({**flatten(PLAIN), "image": "secret/a.png", **options}, {})


def followed(first: Recipe, **update: object) -> Recipe:
    second = first.passes[0].model_copy(update={"source": Source(), **update})
    return first.model_copy(update={"passes": (*first.passes, second)})


def test_the_names_are_all_known() -> None:
    assert set(FILLS) == set(ALL_FILLS) - {"original"}
    assert set(UPSCALERS) == set(ALL_UPSCALERS)


def test_text_to_image_says_nothing() -> None:
    assert not {"Denoising strength", "Mask blur", "Hires upscale", "Refiner"} & settings(PLAIN).keys()


def test_image_to_image_tells_the_strength_and_no_file() -> None:
    found = settings(started(strength=0.6))
    assert found["Denoising strength"] == "0.6"
    assert "Mask blur" not in found
    assert "secret" not in render(started(strength=0.6))


def test_what_enlarged_a_picture_is_told() -> None:
    only = settings(started(redraw="no", strength=0.0, upscaler="mini_2x"))
    assert (only["Postprocess upscale to-1"], only["Postprocess upscaler"]) == ("64", "mini 2x")
    assert "Denoising strength" not in only
    tiled = settings(started(strength=0.3, tile=64, upscaler="bicubic"))
    assert (tiled["SD upscale upscaler"], tiled["Denoising strength"]) == ("Bicubic", "0.3")
    assert "SD upscale upscaler" not in settings(started(strength=0.3, upscaler="bicubic"))


def test_a_mask_is_told_where_it_is_not_as_usual() -> None:
    usual = settings(started(mask="m.png"))
    assert usual["Mask blur"] == "0"
    assert not {"Mask mode", "Masked content", "Inpaint area", "Masked area padding"} & usual.keys()
    said = {"mask_blur": 4.5, "mask_invert": "yes", "mask_fill": "surround", "mask_area": "masked"}
    found = settings(started(mask="m.png", mask_padding=16, **said))
    keys = ("Mask blur", "Mask mode", "Masked content", "Inpaint area", "Masked area padding")
    assert [found[key] for key in keys] == ["4.5", "Inpaint not masked", "fill", "Only masked", "16"]


def test_new_space_is_a_mask() -> None:
    assert settings(started(extend=(8, 0, 0, 0)))["Mask blur"] == "0"


def test_a_hires_pass_is_told_and_read_back() -> None:
    source = Source(strength=0.45, upscaler="latent_nearest")
    found = settings(followed(PLAIN, scale=1.5, steps=12, source=source))
    assert found["Denoising strength"] == "0.45"
    assert (found["Hires upscale"], found["Hires steps"]) == ("1.5", "12")
    assert found["Hires upscaler"] == "Latent (nearest)"
    (text,) = passes(found)
    assert from_text(text) == {"scale": 1.5, "strength": 0.45, "steps": 12, "upscaler": "latent_nearest"}


def test_what_a_hires_pass_has_of_its_own() -> None:
    own = Prompt(text="a dog, large", negative="cat")
    found = settings(followed(PLAIN, sampler="euler", prompt=own))
    assert found["Hires sampler"] == "Euler"
    assert (found["Hires prompt"], found["Hires negative prompt"]) == ("a dog, large", "cat")
    assert "Hires sampler" not in settings(followed(PLAIN))


def test_the_strength_is_that_of_the_first_picture() -> None:
    both = followed(started(strength=0.6), source=Source(strength=0.2))
    assert settings(both)["Denoising strength"] == "0.6"


def test_a_refiner_is_told() -> None:
    first = PLAIN.passes[0].model_copy(update={"span": Span(stop=0.8)})
    model = first.model.model_copy(update={"base": "folder/refiner.safetensors"})
    second = first.model_copy(
        update={"model": model, "source": Source(start="kept"), "span": Span(start=0.8)}
    )
    found = settings(PLAIN.model_copy(update={"passes": (first, second)}))
    assert (found["Refiner"], found["Refiner switch at"]) == ("refiner", "0.8")
    assert "Hires upscale" not in found


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, ()),
        ({"Hires upscale": "x"}, ()),
        ({"Hires upscale": "2"}, ("scale=2",)),
        ({"Hires upscale": "2", "Hires upscaler": "R-ESRGAN 4x+", "Hires steps": "0"}, ("scale=2",)),
        ({"Hires upscale": "99", "Denoising strength": "0.5"}, ()),
        ({"Hires upscale": "2", "Denoising strength": "1.5", "Hires steps": "4000"}, ("scale=2",)),
        ({"Hires resize-1": "0", "Hires resize-2": "0", "Size-1": "64", "Size-2": "64"}, ()),
        ({"Hires resize-1": "96", "Size-1": "64", "Size-2": "64"}, ("scale=1.500000",)),
        (
            {
                "Hires upscale": "2",
                "Hires sampler": "DPM++ 2M",
                "Hires schedule type": "Karras",
                "Hires CFG Scale": "3",
            },
            ("scale=2,sampler=dpmpp_2m,spacing=karras,guidance=3",),
        ),
        (
            {"Hires upscale": "2", "Hires prompt": "a pear, large", "Hires negative prompt": "fog"},
            ("scale=2,prompt=a pear, large,negative=fog",),
        ),
    ],
)
def test_what_cannot_be_read_is_left_out(params: dict[str, str], text: tuple[str, ...]) -> None:
    assert passes(params) == text
