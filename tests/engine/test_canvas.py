"""The source at the size of the drawing, its mask, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffusion.toys import STEADY
from mezzotint.engine import raster
from mezzotint.engine.canvas import canvas
from mezzotint.values.errors import BadValue
from mezzotint.values.names import AREAS, FILLS, FITS, YES_NO
from mezzotint.values.photo import Photo
from mezzotint.values.source import InitPicture, Mask, MaskPicture, Source

PICTURE, ASKED = InitPicture(file="a.png"), MaskPicture(file="m.png")
MASKED = {"picture": ASKED}


def noise(width, height, mode="RGB", seed=1):
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def spot(size, box, level=255):
    mask = Image.new("L", size, 0)
    mask.paste(level, box)
    return mask


def source(**fields):
    return Source(picture=PICTURE, **fields)


def other(size):
    """A drawing that no picture of these tests is."""
    return noise(*size, seed=99)


@pytest.mark.parametrize("fit", FITS)
def test_a_picture_of_the_right_size_is_left_alone(fit):
    image = noise(24, 16)
    made = canvas(Photo(image), None, source(fit=fit), (24, 16))
    assert made.image.tobytes() == made.under.tobytes() == image.tobytes()
    assert (made.mask, made.alpha, made.region, made.cover) == (None, None, None, None)
    drawn = other((24, 16))
    assert made.back(drawn) is drawn


def test_the_ways_to_fit():
    """A picture with a red and a blue quarter at its ends, twice as wide as what is drawn."""
    wide = Image.new("RGB", (64, 32), (0, 255, 0))
    wide.paste((255, 0, 0), (0, 0, 16, 32))
    wide.paste((0, 0, 255), (48, 0, 64, 32))

    def columns(fit):
        image = canvas(Photo(wide), None, source(fit=fit), (32, 32)).image
        assert image.size == (32, 32)
        return [image.getpixel((x, 16)) for x in (1, 16, 30)]

    assert columns("cover") == [(0, 255, 0)] * 3
    assert columns("stretch") == columns("contain") == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    # Above and below lies what its edge goes on with.
    contained = canvas(Photo(wide), None, source(fit="contain"), (32, 32)).image
    assert [contained.getpixel((1, y)) for y in (0, 31)] == [(255, 0, 0)] * 2


def test_transparency_goes_where_the_picture_goes():
    image, alpha = noise(32, 32), spot((32, 32), (0, 0, 16, 32))
    made = canvas(Photo(image, alpha), None, source(), (16, 16))
    assert made.alpha.size == (16, 16)
    back = made.back(other((16, 16)))
    assert back.mode == "RGBA"
    whole = np.isin(np.asarray(made.alpha), (0, 255))
    assert np.array_equal(np.asarray(back.convert("RGB"))[whole], np.asarray(other((16, 16)))[whole])
    # What cannot be seen is white for the model.
    assert made.image.getpixel((14, 8)) == (255, 255, 255)
    new = canvas(Photo(image, alpha), None, source(extend=(8, 0, 0, 0)), (40, 32))
    assert new.alpha is None
    assert new.mask.getbbox() == (0, 0, 40, 32)


def test_what_is_half_transparent_is_not_made_whiter():
    """A shadow: black, seen through. On white it is grey, and a drawing of that grey is the same shadow."""
    black, half = Image.new("RGB", (16, 16)), Image.new("L", (16, 16), 128)
    for mask in (None, Photo(spot((16, 16), (8, 0, 16, 16)).convert("RGB"))):
        asked = source(mask=None if mask is None else Mask(**MASKED))
        made = canvas(Photo(black, half), mask, asked, (16, 16))
        assert made.image.getpixel((3, 3)) == (127, 127, 127)
        back = made.back(made.image)
        assert back.getchannel("A").tobytes() == half.tobytes()
        assert max(np.asarray(back.convert("RGB")).ravel()) <= 1
        ground = Image.new("RGBA", (16, 16), "white")
        ground.alpha_composite(back)
        assert np.abs(np.asarray(ground.convert("RGB")).astype(int) - np.asarray(made.image)).max() <= 1


@STEADY
@given(
    st.tuples(*[st.integers(8, 40)] * 2),
    st.tuples(*[st.integers(1, 5)] * 2),
    st.fixed_dictionaries(
        {
            "invert": st.sampled_from(YES_NO),
            "grow": st.integers(-9, 9),
            "blur": st.floats(0, 5),
            "soft": st.sampled_from(YES_NO),
            "fill": st.sampled_from(FILLS),
            "area": st.sampled_from(AREAS),
            "padding": st.integers(0, 50),
        }
    ),
    st.integers(0, 99),
    st.sampled_from(FITS),
)
def test_what_is_not_under_the_mask_comes_back_to_the_bit(size, blocks, fields, seed, fit):
    drawn_at = blocks[0] * 8, blocks[1] * 8
    rng = np.random.default_rng(seed)
    grey = Image.fromarray(
        (rng.integers(0, 256, size[::-1]) * (rng.random(size[::-1]) < 0.1)).astype(np.uint8)
    )
    asked = source(fit=fit, mask=Mask(**MASKED, **fields))
    made = canvas(Photo(noise(*size)), Photo(grey.convert("RGB")), asked, drawn_at)
    assert made.image.size == made.mask.size == drawn_at
    if fields["soft"] == "no":
        assert set(np.unique(made.mask)) <= {0, 255}
    whole = drawn_at if made.region is None else size
    assert made.under.size == made.cover.size == whole
    back = made.back(other(drawn_at))
    assert back.size == whole
    kept = np.asarray(made.cover) == 0
    assert np.array_equal(np.asarray(back)[kept], np.asarray(made.under)[kept])
    if made.region is None and whole == size:
        assert made.under.tobytes() == noise(*size).tobytes()


def test_the_order_is_threshold_invert_grow_blur():
    mask = spot((33, 33), (16, 16, 17, 17), 140)
    asked = {"grow": 3, "fill": "nothing"}
    made = canvas(
        Photo(noise(33, 33)), Photo(mask.convert("RGB")), source(mask=Mask(**MASKED, **asked)), (33, 33)
    )
    assert made.mask.getbbox() == (13, 13, 20, 20)
    assert made.cover.getpixel((13, 13)) == 255
    blurred = source(mask=Mask(**MASKED, **asked, blur=1.5))
    # A pixel that is blurred before it grows is a pale square.
    cover = canvas(Photo(noise(33, 33)), Photo(mask.convert("RGB")), blurred, (33, 33)).cover
    assert cover.getpixel((16, 16)) > 240 and 0 < cover.getpixel((12, 16)) < 128
    inverted = source(mask=Mask(**MASKED, **asked, invert="yes"))
    # A hole of one pixel that everything around it grows over.
    assert canvas(Photo(noise(33, 33)), Photo(mask.convert("RGB")), inverted, (33, 33)).mask.getextrema() == (
        255,
        255,
    )
    soft = source(mask=Mask(**MASKED, soft="yes"))
    assert (
        canvas(Photo(noise(33, 33)), Photo(mask.convert("RGB")), soft, (33, 33)).mask.getpixel((16, 16))
        == 140
    )


def test_a_blurred_mask_is_pasted_softly_and_drawn_wherever_it_is_not_black():
    mask = spot((64, 64), (32, 0, 64, 64))
    asked = source(mask=Mask(**MASKED, blur=4.0))
    made = canvas(Photo(noise(64, 64)), Photo(mask.convert("RGB")), asked, (64, 64))
    cover, drawn = np.asarray(made.cover), np.asarray(made.mask)
    assert len(np.unique(cover)) > 5
    assert np.array_equal(drawn > 0, cover > 0)


def test_only_around_the_mask():
    image, mask = noise(128, 96), spot((128, 96), (80, 40, 96, 56))
    asked = source(mask=Mask(**MASKED, area="masked", padding=8))
    made = canvas(Photo(image), Photo(mask.convert("RGB")), asked, (32, 32))
    assert made.region == raster.around(mask, 8, (32, 32)) == (72, 32, 104, 64)
    assert made.image.tobytes() == image.crop(made.region).tobytes()
    back = np.asarray(made.back(other((32, 32))))
    assert np.array_equal(back[40:56, 80:96], np.asarray(other((32, 32)))[8:24, 8:24])
    rest = np.array(back)
    rest[40:56, 80:96] = np.asarray(image)[40:56, 80:96]
    assert np.array_equal(rest, image)


def test_without_pasting_all_that_was_drawn_is_taken():
    mask = spot((32, 32), (16, 0, 32, 32))
    asked = source(mask=Mask(**MASKED, paste="no"))
    made = canvas(Photo(noise(32, 32)), Photo(mask.convert("RGB")), asked, (32, 32))
    assert made.back(other((32, 32))).tobytes() == other((32, 32)).tobytes()


@pytest.mark.parametrize("fill", FILLS)
def test_only_surround_changes_the_pixels_under_the_mask(fill):
    image, mask = noise(32, 32), spot((32, 32), (16, 0, 32, 32))
    asked = source(mask=Mask(**MASKED, fill=fill))
    made = canvas(Photo(image), Photo(mask.convert("RGB")), asked, (32, 32))
    wanted = raster.surround(image, mask) if fill == "surround" else image
    assert made.image.tobytes() == wanted.tobytes()
    assert made.under.tobytes() == image.tobytes()


def test_a_soft_mask_has_no_edge():
    """Where it begins, the drawing fades in; what may change by a quarter is all drawing."""
    ramp = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (16, 1)))
    asked = source(mask=Mask(**MASKED, soft="yes"))
    made = canvas(Photo(Image.new("RGB", (256, 16))), Photo(ramp.convert("RGB")), asked, (256, 16))
    seen = np.asarray(made.back(Image.new("RGB", (256, 16), "white")))[0, :, 0].astype(int)
    assert seen[0] == 0
    assert (seen[64:] == 255).all()
    assert np.abs(np.diff(seen)).max() <= 4


def test_what_surrounds_is_found_at_the_size_of_the_drawing():
    """A red picture with blue under the mask: of the blue nothing is left, also where pixels are joined."""
    image = Image.new("RGB", (96, 96), "red")
    image.paste((0, 0, 255), (31, 31, 62, 62))
    mask = spot((96, 96), (30, 30, 64, 64))
    asked = source(mask=Mask(**MASKED, fill="surround"), upscaler="bilinear")
    made = canvas(Photo(image), Photo(mask.convert("RGB")), asked, (32, 32))
    assert (np.asarray(made.image) == (255, 0, 0)).all()
    assert (np.asarray(made.under)[15, 15] == (0, 0, 255)).all()


def test_transparency_is_the_mask_where_none_is_given():
    alpha = spot((32, 32), (0, 0, 16, 32))
    made = canvas(Photo(noise(32, 32), alpha), None, source(mask=Mask()), (32, 32))
    assert made.mask.getbbox() == (16, 0, 32, 32)
    assert made.alpha is None
    given = spot((32, 32), (0, 0, 32, 16))
    kept = canvas(
        Photo(noise(32, 32), alpha), Photo(given.convert("RGB")), source(mask=Mask(**MASKED)), (32, 32)
    )
    assert kept.mask.getbbox() == (0, 0, 32, 16)
    assert kept.alpha.tobytes() == alpha.tobytes()
    with pytest.raises(BadValue, match="there is none, and the picture has no transparency"):
        canvas(Photo(noise(32, 32)), None, source(mask=Mask()), (32, 32))


def test_what_a_mask_has_that_cannot_be_seen_is_black():
    white, seen = Image.new("RGB", (32, 32), "white"), spot((32, 32), (4, 4, 9, 9))
    made = canvas(Photo(noise(32, 32)), Photo(white, seen), source(mask=Mask(**MASKED)), (32, 32))
    assert made.mask.getbbox() == (4, 4, 9, 9)


def test_new_space_is_drawn_besides_what_the_mask_says():
    mask = spot((32, 32), (0, 0, 8, 8))
    asked = source(extend=(0, 0, 16, 0), mask=Mask(**MASKED))
    made = canvas(Photo(noise(32, 32)), Photo(mask.convert("RGB")), asked, (48, 32))
    wanted = np.zeros((32, 48), bool)
    wanted[:8, :8] = wanted[:, 32:] = True
    assert np.array_equal(np.asarray(made.mask) > 0, wanted)


def test_a_resized_mask_does_not_ring():
    """With a sharper filter than a linear one, pixels far from the edge would count for one level of the mask."""
    image = Image.new("RGB", (12, 8), (10, 200, 30))
    half = Image.new("L", (12, 8), 0)
    half.paste(255, (6, 0, 12, 8))
    source = Source(picture=InitPicture(file="x.png"), mask=Mask(picture=MaskPicture(file="m.png")))
    made = canvas(Photo(image), Photo(half.convert("RGB")), source, (48, 32))
    assert made.cover is not None
    assert max(made.cover.crop((0, 0, 20, 32)).tobytes()) == 0
    assert min(made.cover.crop((28, 0, 48, 32)).tobytes()) == 255


@pytest.mark.parametrize("finer", [False, True])
def test_a_fine_line_of_a_mask_outlives_that_it_is_made_smaller(finer):
    """A scratch of one pixel in a large picture, or in a mask that is larger than the picture."""
    mask = spot((256, 256), (100, 0, 101, 256))
    image = noise(*((64, 64) if finer else (256, 256)))
    made = canvas(Photo(image), Photo(mask.convert("RGB")), source(mask=Mask(**MASKED)), (64, 64))
    drawn, cover = np.asarray(made.mask), np.asarray(made.cover)
    assert (drawn[:, 25] == 255).all() and (cover[:, 25] == 255).all()
    assert (drawn[:, :23] == 0).all() and (drawn[:, 28:] == 0).all()
    assert np.array_equal(drawn, cover)
    softly = canvas(
        Photo(image), Photo(mask.convert("RGB")), source(mask=Mask(**MASKED, soft="yes")), (64, 64)
    )
    assert 0 < np.asarray(softly.mask)[:, 25].max() < 255


def test_a_mask_that_is_made_larger_keeps_its_size():
    mask = spot((32, 32), (8, 0, 16, 32))
    made = canvas(Photo(noise(32, 32)), Photo(mask.convert("RGB")), source(mask=Mask(**MASKED)), (128, 128))
    assert made.mask.getbbox() == (32, 0, 64, 128)
