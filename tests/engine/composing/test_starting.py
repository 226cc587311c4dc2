"""What a recipe says of pictures, completed: sizes, strengths, hashes and further passes."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffusion.toys import STEADY
from engine.recipes import recipe
from families.reduced import LETTERS, SMALL_X4, like
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.composing.starting import checked_mask, sizes, strength
from mezzotint.families.sd1 import SD1_INPAINTING
from mezzotint.families.toy import TOY
from mezzotint.values.errors import BadPicture, BadValue, MezzotintError
from mezzotint.values.guides import Cfg
from mezzotint.values.span import Span


@pytest.fixture(scope="module")
def tall(tmp_path_factory):
    """A picture of 40 x 90 pixels."""
    path = tmp_path_factory.mktemp("pictures") / "tall.png"
    Image.new("RGB", (40, 90), "red").save(path)
    return path


def test_without_a_picture_the_size_is_the_familys():
    assert sizes({}, TOY) == {"width": 64, "height": 64}
    assert sizes({"image": "nowhere", "mask_area": "masked"}, TOY) == {"width": 64, "height": 64}


def test_a_picture_gives_its_proportions(tall):
    image = str(tall)
    assert sizes({"image": image}, TOY) == {"width": 40, "height": 96}
    assert sizes({"image": image, "width": 72}, TOY) == {"width": 72, "height": 160}
    assert sizes({"image": image, "height": 184}, TOY) == {"width": 80, "height": 184}
    assert sizes({"image": image, "extend": (8, 0, 0, 6)}, TOY) == {"width": 48, "height": 96}
    assert sizes({"image": image, "extend": (0, 0, 3, 0)}, TOY) == {"width": 48, "height": 96}
    wide = {"image": image, "extend": (40, 0, 0, 0), "width": 64}
    assert sizes(wide, TOY) == {"width": 64, "height": 72}  # of the picture with its space
    with pytest.raises(BadValue, match="with its new space is 4136x90; a drawing has at most 4096"):
        sizes({"image": image, "extend": (0, 0, 4096, 0)}, TOY)
    assert sizes({"image": image, "extend": (0, 0, 0, 0)}, TOY) == {"width": 40, "height": 96}
    assert sizes({"image": image}, SMALL_X4) == {"width": 160, "height": 360}
    with pytest.raises(BadPicture):
        sizes({"image": f"{image}.no"}, TOY)


@STEADY
@given(st.integers(8, 128), st.integers(8, 128))
def test_as_many_pixels_as_the_familys_own_size(tmp_path_factory, width, height):
    path = tmp_path_factory.mktemp("one") / "a.png"
    Image.new("1", (width, height)).save(path)
    made = sizes({"image": str(path)}, TOY)
    across, down = made["width"], made["height"]
    assert across % 8 == down % 8 == 0
    factor = 64 / (width * height) ** 0.5
    assert abs(across - max(8, width * factor)) <= 4 + 1e-9
    assert abs(down - max(8, height * factor)) <= 4 + 1e-9


def test_how_much_is_changed_where_nobody_says():
    inpainting = like(SD1_INPAINTING, LETTERS)
    assert strength(TOY, {}) is None
    assert strength(TOY, {"image": "a"}) == 0.75
    assert strength(inpainting, {"image": "a"}) == inpainting.strength


def test_every_picture_that_is_named_is_known_by_its_content(tall):
    wanted = hashlib.sha256(tall.read_bytes()).hexdigest()
    one = recipe(image=tall, mask=tall, then=[f"mask={tall}", "strength=0.2"])
    assert one.passes[0].source.picture.sha256 == wanted
    assert [use.source.mask.picture.sha256 for use in one.passes[:2]] == [wanted] * 2
    assert one.passes[2].source.mask is None


def test_a_further_pass_is_as_the_first_one_but_for_what_is_said(tall):
    one = recipe(
        image=tall, sampler="ddim", steps=9, guidance=4.0, sigmas=None, guide=["rescale:0.5"],
        then=["scale=1.5", "strength=0.25,sampler=euler,guidance=2,steps=3,upscaler=bicubic"],
    )  # fmt: skip
    first, second, third = one.passes
    assert (second.model, second.sampler, second.steps, second.guides) == (
        first.model, "ddim", 9, first.guides,
    )  # fmt: skip
    assert (second.scale, second.source.strength, second.source.picture, second.prompt) == (
        1.5, 0.5, None, None,
    )  # fmt: skip
    assert (third.sampler, third.steps, third.source.strength, third.source.upscaler) == (
        "euler", 3, 0.25, "bicubic",
    )  # fmt: skip
    assert third.guides == (Cfg(scale=2.0), *first.guides[1:])


def test_another_model_draws_as_it_does_by_itself():
    one = recipe(sampler="ddim", steps=9, guidance=9.0, then=["model=mini", "model=mini,steps=2"])
    own = compose("x", model="mini").passes[0]
    _, second, third = one.passes
    assert (second.sampler, second.spacing, second.steps) == (own.sampler, own.spacing, own.steps)
    assert second.guides[:1] == own.guides[:1]
    assert third.steps == 2


def test_texts_of_its_own():
    one = recipe(
        negative="fog",
        then=["prompt=a boat, at sea", "negative=rain, snow", "prompt=,negative=", "strength=1"],
    )
    said = [use.prompt and (use.prompt.text, use.prompt.negative) for use in one.passes]
    assert said == [None, ("a boat, at sea", "fog"), (one.prompt.text, "rain, snow"), ("", ""), None]


def test_a_pass_that_goes_on_takes_the_rest_of_the_way():
    one = recipe(then=["from=0.4", "from=0.8,sampler=ddim"])
    assert [use.span for use in one.passes] == [
        Span(stop=0.4), Span(start=0.4, stop=0.8), Span(start=0.8),
    ]  # fmt: skip
    assert [use.source and use.source.start for use in one.passes] == [None, "kept", "kept"]
    timed = recipe(then=["from=0.8,unit=time"])
    assert [use.span for use in timed.passes] == [Span(stop=0.8, unit="time"), Span(start=0.8, unit="time")]


@pytest.mark.parametrize(
    ("then", "text"),
    [
        (["from=0.5,mask=x.png"], "mask: has no use in a pass that goes on where another one stopped"),
        (["from=0.5,strength=0.5"], "strength: has no use in a pass that goes on"),
        (["from=0.5,upscaler=latent"], "upscaler: has no use in a pass that goes on"),
        (["unit=time"], "unit: says how from is counted, and that is missing"),
        (["from=0.8", "from=0.5"], "span: starts at 0.8 and stops at 0.5"),
        (["from=0.8,unit=weeks"], "unit: 'weeks' is not allowed"),
        (["mask=nowhere.png"], "nowhere.png: no such file"),
        (["model=nowhere"], "no model 'nowhere'"),
        (["scale=100"], "scale: 100.0 is out of range"),
    ],
)
def test_what_does_not_fit_is_refused(then, text):
    with pytest.raises(MezzotintError, match=text):
        recipe(then=then)


def test_a_model_that_needs_a_mask_asks_for_it(tall):
    with pytest.raises(BadValue, match=r"mask: .* needs to know where to draw"):
        checked_mask(recipe(image=tall, strength=1.0), like(SD1_INPAINTING, LETTERS))
    over = recipe(image=tall, strength=0.3)
    assert checked_mask(over, like(SD1_INPAINTING, LETTERS)) == over
