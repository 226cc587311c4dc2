"""New space of any number of pixels: the old picture keeps each of its pixels, and the new one has the asked size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diffusion.toys import STEADY
from engine.recipes import Engine, draw, recipe
from engine.test_canvas import MASKED, noise, other, source, spot
from mezzotint.engine.canvas import canvas, with_near
from mezzotint.engine.new_space import every, room_for
from mezzotint.families.toy import TOY
from mezzotint.values.photo import Photo
from mezzotint.values.source import Mask

SIDES = st.tuples(*[st.integers(0, 20)] * 4).filter(any)


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


def rounded(whole):
    return tuple(-(-side // 8) * 8 for side in whole)


@STEADY
@given(st.tuples(*[st.integers(8, 40)] * 2), SIDES, st.booleans())
def test_every_pixel_of_the_picture_keeps_its_place_and_colour(size, sides, masked):
    left, top, right, bottom = sides
    whole = size[0] + left + right, size[1] + top + bottom
    image = noise(*size)
    asked = source(extend=sides, mask=Mask(**MASKED) if masked else None)
    mask = Photo(spot(size, (0, 0, 3, 3)).convert("RGB")) if masked else None
    made = canvas(Photo(image), mask, asked, rounded(whole), step=8)
    assert made.image.size == rounded(whole)
    back = made.back(other(rounded(whole)))
    assert back.size == whole
    old = np.array(back.crop((left, top, left + size[0], top + size[1])))
    if masked:
        drawn = np.asarray(made.mask.crop(made.shown) if made.shown else made.mask)[top:, left:]
        assert (drawn[:3, :3] == 255).all()
        old[:3, :3] = np.asarray(image)[:3, :3]
        assert np.array_equal(old, np.asarray(image))
        # What is new is drawn, all of it.
        new = np.asarray(made.mask.crop(made.shown) if made.shown else made.mask) == 255
        assert new.sum() == whole[0] * whole[1] - size[0] * size[1] + 9


def test_a_mask_that_grows_reaches_in_only_from_where_the_new_space_is():
    """61 rows are drawn as 64: below them there is room, but no new space that a mask could grow from."""
    asked = source(extend=(0, 0, 13, 0), mask=Mask(grow=4))
    made = canvas(Photo(noise(96, 61)), None, asked, (112, 64), step=8)
    assert made.shown == (0, 0, 109, 61)
    assert made.mask.getbbox() == (92, 0, 112, 64)


def test_room_is_made_on_the_side_of_the_new_space():
    assert room_for(source(extend=(5, 0, 0, 0)), (64, 64), (72, 64), 8).shown == (3, 0, 72, 64)
    assert room_for(source(extend=(5, 0, 5, 0)), (64, 64), (80, 64), 8).shown == (0, 0, 74, 64)
    assert room_for(source(extend=(8, 0, 0, 0)), (64, 64), (72, 64), 8) is None
    assert room_for(source(extend=(5, 0, 0, 0)), (64, 64), (136, 128), 8) is None  # another scale
    assert room_for(source(extend=(5, 0, 0, 0)), (64, 64), (64, 64), 8) is None
    assert room_for(source(), (60, 60), (64, 64), 8) is None
    around = source(extend=(5, 0, 0, 0), mask=Mask(area="masked"))
    assert room_for(around, (64, 64), (72, 64), 8) is None
    assert every(TOY) == 8


def test_a_fine_line_of_a_larger_mask_is_drawn_beside_new_space_of_an_odd_size():
    mask = spot((160, 240), (60, 0, 61, 240))  # four times as large as the picture
    asked = source(extend=(0, 3, 0, 0), mask=Mask(**MASKED))
    made = canvas(Photo(noise(40, 60)), Photo(mask.convert("RGB")), asked, (40, 64), step=8)
    assert made.shown == (0, 1, 40, 64)
    assert (np.asarray(made.mask)[4:, 15] == 255).all() and (np.asarray(made.mask)[4:, :13] == 0).all()


def test_depth_lies_where_the_picture_lies():
    ramp = Image.fromarray(np.arange(61 * 40, dtype=np.float32).reshape(61, 40))
    asked = source(extend=(5, 0, 0, 0))
    made = with_near(
        canvas(Photo(noise(40, 61)), None, asked, (48, 64), step=8), ramp, (40, 61), asked, step=8
    )
    assert np.array_equal(np.asarray(made.near.crop(made.shown).crop((5, 0, 45, 61))), np.asarray(ramp))


def test_a_black_mask_leaves_a_large_picture_as_it_is():
    image, black = noise(96, 60), Photo(Image.new("RGB", (96, 60)))
    for paste in ("yes", "no"):
        asked = source(mask=Mask(**MASKED, area="masked", paste=paste))
        made = canvas(Photo(image), black, asked, (32, 32))
        assert made.image.size == made.mask.size == (32, 32)
        assert made.back(other((32, 32))).tobytes() == image.tobytes()


def test_transparency_is_enlarged_as_hard_as_the_picture():
    alpha = spot((16, 16), (4, 4, 9, 9))
    made = canvas(Photo(noise(16, 16), alpha), None, source(upscaler="nearest"), (32, 32))
    assert made.alpha.tobytes() == alpha.resize((32, 32), Image.Resampling.NEAREST).tobytes()


def test_new_space_of_odd_sizes_is_drawn(engine, tmp_path):
    noise(37, 29).save(tmp_path / "odd.png")
    asked = {"image": tmp_path / "odd.png", "width": None, "height": None, "strength": 1.0}
    drawn = draw(engine, recipe(**asked, extend=(3, 0, 6, 5)))
    assert drawn.image.size == (46, 34)
    assert (drawn.recipe.width, drawn.recipe.height) == (48, 40)
    found = np.asarray(drawn.image)[:29, 3:40]
    assert np.array_equal(found, np.asarray(noise(37, 29)))
    later = draw(engine, recipe(**asked, extend=(3, 0, 6, 5), then=["scale=2,strength=0.5"]))
    assert later.image.size == (96, 64)  # the nearest that are drawn


def test_a_pass_behind_a_part_of_a_picture_draws_all_of_it(engine, tmp_path):
    noise(128, 96).save(tmp_path / "big.png")
    spot((128, 96), (80, 40, 96, 56)).save(tmp_path / "m.png")
    asked = {"image": tmp_path / "big.png", "mask": tmp_path / "m.png", "mask_area": "masked"}
    alone = draw(engine, recipe(**asked))
    enlarged = draw(engine, recipe(**asked, then=["scale=2,redraw=no,upscaler=nearest"]))
    wanted = alone.image.resize((256, 192), Image.Resampling.NEAREST)
    assert enlarged.image.tobytes() == wanted.tobytes()
    assert draw(engine, recipe(**asked, then=["scale=1.5,strength=0.5"])).image.size == (192, 144)
    # At the same size, and around another mask, the part is all that is drawn.
    for text in ("strength=0.5", f"strength=0.5,mask={tmp_path / 'm.png'},mask_area=masked"):
        again = np.asarray(draw(engine, recipe(**asked, then=[text])).image)
        assert again.shape == (96, 128, 3)
        assert np.array_equal(again[:32], np.asarray(noise(128, 96))[:32])
