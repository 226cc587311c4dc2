"""Any legal combination of family, source, mask, sampler, guides and passes draws a picture or is refused in one line.

Toy sizes and random weights. What is refused is a MezzotintError; nothing else comes out, and no picture is of one
colour unless its source is kept.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from PIL import Image

from families.reduced import LETTERS, SMALL_REFINER, SMALL_XL, like
from mezzotint.engine.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.sd1 import SD1_INPAINTING
from mezzotint.values.errors import MezzotintError
from mezzotint.values.events import Drawn
from mezzotint.values.names import AREAS, FILLS, FITS, SAMPLERS, SPACINGS, STARTS, UPSCALERS, YES_NO
from parity.test_pipeline_sd3 import FAMILIES as SD3
from parity.test_pipeline_xl import lettered

MODELS = {
    "inpainting": like(SD1_INPAINTING, LETTERS),
    "xl": lettered(SMALL_XL),
    "refiner": lettered(SMALL_REFINER),
    "sd3": SD3["sd3-medium"],
}
PICTURES = ("plain.png", "clear.png", "tall.png", "small.jpg")
MASKS = ("half.png", "ramp.png", "black.png", "white.png", "other.png")
GUIDES = ("rescale:0.5", "apg", "cfg_zero", "interval:0.2-0.8", "threshold:0.9", "sag:0.5")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with small models, pictures and masks."""
    folder = tmp_path_factory.mktemp("combinations")
    for name, family in MODELS.items():
        export_diffusers(toy.make(family), folder / name)
    rng = np.random.default_rng(1)

    def noise(height, width, bands):
        return Image.fromarray(rng.integers(0, 256, (height, width, bands), dtype=np.uint8))

    noise(32, 32, 3).save(folder / "plain.png")
    noise(32, 32, 4).save(folder / "clear.png")
    noise(45, 21, 3).save(folder / "tall.png")
    noise(9, 12, 3).save(folder / "small.jpg")
    half = np.zeros((32, 32), np.uint8)
    half[:, 16:] = 255
    Image.fromarray(half).save(folder / "half.png")
    Image.fromarray(np.tile(np.linspace(0, 255, 32, dtype=np.uint8), (32, 1))).save(folder / "ramp.png")
    Image.new("L", (32, 32), 0).save(folder / "black.png")
    Image.new("1", (32, 32), 1).save(folder / "white.png")
    noise(17, 40, 4).save(folder / "other.png")
    return folder


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


def maybe(strategy):
    """Mostly nothing said."""
    return st.none() | st.none() | strategy


SIDES = st.sampled_from([0, 0, 8, 16, 5])
FURTHER = st.fixed_dictionaries(
    {},
    optional={
        "scale": st.sampled_from(["0.5", "1.5", "2"]),
        "strength": st.sampled_from(["0", "0.3", "0.6", "1"]),
        "from": st.sampled_from(["0", "0.3", "0.5", "0.8", "1"]),
        "unit": st.sampled_from(["steps", "time"]),
        "upscaler": st.sampled_from(UPSCALERS),
        "start": st.sampled_from(STARTS),
        "sampler": st.sampled_from(SAMPLERS),
        "steps": st.sampled_from(["1", "3"]),
        "model": st.sampled_from(["toy", *MODELS]),
        "mask": st.sampled_from(MASKS),
        "guidance": st.sampled_from(["1", "5"]),
        "prompt": st.just("a boat, at sea"),
    },
)
WISHES = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["toy", "toy", *MODELS]),
        "image": st.none() | st.sampled_from(PICTURES),
        "sampler": st.sampled_from(SAMPLERS),
        "spacing": maybe(st.sampled_from(SPACINGS)),
        "steps": st.integers(1, 4),
        "guidance": st.sampled_from([1.0, 4.0]),
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
        "seed": st.sampled_from([0, 3, 2**64 - 1]),
        "width": st.sampled_from([32, 32, 48]),
        "height": st.sampled_from([32, 32, 48]),
        "tile": maybe(st.just(32)),
        "seamless": maybe(st.just("both")),
        "guide": maybe(st.lists(st.sampled_from(GUIDES), max_size=2)),
        "then": st.just([]) | st.lists(FURTHER, max_size=2),
    }
)


def composed(place, wishes, seed):
    """The recipe of `wishes`, with names of files made into paths."""

    def path(name):
        return None if name is None else str(place / name)

    def model(name):
        return name if name == "toy" else str(place / name)

    given = {name: value for name, value in wishes.items() if value is not None and name != "then"}
    given |= {name: path(wishes[name]) for name in ("image", "mask")} | {"model": model(wishes["model"])}
    then = []
    for one in wishes["then"]:
        one = {**one, **({"mask": path(one["mask"])} if "mask" in one else {})}
        one |= {"model": model(one["model"])} if "model" in one else {}
        # The text of a pass goes on to its end.
        order = sorted(one, key=lambda name: name == "prompt")
        then.append(",".join(f"{name}={one[name]}" for name in order))
    return compose("a red apple", **(given | {"then": then, "seed": seed}))


def check(place, engine, wishes):
    try:
        recipes = [composed(place, wishes, seed) for seed in (wishes["seed"], 7)]
        drawn = {one.index: one.picture.image for one in engine.run_batch(recipes) if isinstance(one, Drawn)}
        alone = [one.picture.image for one in engine.run(recipes[1]) if isinstance(one, Drawn)]
        said = ""
    except MezzotintError as error:
        said = str(error)
    event("refused" if said else "drawn")
    if said:
        assert "\n" not in said
        assert "; " in said
        return
    assert drawn[1].tobytes() == alone[0].tobytes()
    for image in drawn.values():
        assert image.mode in ("RGB", "RGBA")
        assert np.asarray(image.convert("RGB")).std() > 1


LIGHT = settings(
    max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), print_blob=True
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
