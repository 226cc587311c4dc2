"""Any legal combination of family, source, mask, sampler, guides and passes draws a picture or is refused in one line.

Toy sizes and random weights. What is refused is a MezzotintError; nothing else comes out, and no picture is of one
colour unless its source is kept.
"""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.combining import LIGHT, MASKS, PICTURES, SAMPLED, SIDES, check, further, maybe, write_pictures
from families.reduced import LETTERS, SMALL_REFINER, SMALL_XL, like
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.sd1 import SD1_INPAINTING
from mezzotint.values.names import AREAS, FILLS, FITS, STARTS, UPSCALERS, YES_NO
from parity.test_pipeline_sd3 import FAMILIES as SD3
from parity.test_pipeline_xl import lettered

FAMILIES = {
    "@inpainting": like(SD1_INPAINTING, LETTERS),
    "@xl": lettered(SMALL_XL),
    "@refiner": lettered(SMALL_REFINER),
    "@sd3": SD3["sd3-medium"],
}
GUIDES = ("rescale:0.5", "apg", "cfg_zero", "interval:0.2,0.8", "threshold:0.9", "sag:0.5")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with small models, pictures and masks."""
    folder = tmp_path_factory.mktemp("combinations")
    for name, family in FAMILIES.items():
        export_diffusers(toy.make(family), folder / name[1:])
    write_pictures(folder)
    return folder


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


WISHES = st.fixed_dictionaries(
    {
        **SAMPLED,
        "model": st.sampled_from(["toy", "toy", *FAMILIES]),
        "image": st.none() | st.sampled_from(PICTURES),
        "strength": maybe(st.sampled_from([0.0, 0.3, 0.5, 0.99, 1.0])),
        "start": maybe(st.sampled_from(STARTS)),
        "fit": maybe(st.sampled_from(FITS)),
        "extend": maybe(st.tuples(SIDES, SIDES, SIDES, SIDES)),
        "mask": maybe(st.sampled_from(MASKS)),
        "mask_invert": maybe(st.sampled_from(YES_NO)),
        "mask_grow": maybe(st.sampled_from([-40, -3, 4, 200])),
        "mask_blur": maybe(st.sampled_from([0.5, 6.0, 100.0])),
        "mask_soft": maybe(st.sampled_from(YES_NO)),
        "mask_fill": maybe(st.sampled_from(FILLS)),
        "mask_area": maybe(st.sampled_from(AREAS)),
        "mask_padding": maybe(st.sampled_from([0, 7, 500])),
        "mask_paste": maybe(st.sampled_from(YES_NO)),
        "upscaler": maybe(st.sampled_from(UPSCALERS)),
        "redraw": maybe(st.sampled_from(YES_NO)),
        "width": st.sampled_from([32, 32, 48]),
        "height": st.sampled_from([32, 32, 48]),
        "tile": maybe(st.just(32)),
        "seamless": maybe(st.just("both")),
        "guide": maybe(st.lists(st.sampled_from(GUIDES), max_size=2)),
        "then": st.just([]) | st.lists(further(["toy", *FAMILIES]), max_size=2),
    }
)


@LIGHT
@given(WISHES)
def test_a_picture_or_one_line(place, engine, wishes):
    check(place, engine, wishes)


@LIGHT
@given(WISHES)
def test_a_picture_or_one_line_from_a_picture(place, engine, wishes):
    assume(wishes["image"] is not None)
    check(place, engine, wishes | {"start": None, "extend": wishes["extend"] if not wishes["fit"] else None})


@pytest.mark.slow
@settings(LIGHT, max_examples=1500, derandomize=False)
@given(WISHES)
def test_many_more_combinations(place, engine, wishes):
    check(place, engine, wishes)
