"""What a pass starts from: what may stand together, and one readable line for what may not."""

import pytest
from hypothesis import given

from diffusion.toys import STEADY
from mezzotint.values.errors import BadValue, MezzotintError
from mezzotint.values.options import assemble, assemble_pass, flatten
from mezzotint.values.source import MAX_EXTENSION, InitPicture, Mask, MaskPicture, Source
from values.samples import PLAIN, sources

PICTURE = InitPicture(file="a.png")


def test_what_is_left_out() -> None:
    plain = Source(picture=PICTURE)
    assert (plain.strength, plain.start, plain.fit, plain.extend, plain.mask, plain.upscaler, plain.redraw) == (
        0.75, "noise", "cover", (0, 0, 0, 0), None, "lanczos", "yes",
    )  # fmt: skip
    assert not plain.extended
    assert Source(picture=PICTURE, extend=(0, 0, 1, 0)).extended
    mask = Mask()
    assert (mask.invert, mask.soft, mask.fill, mask.area, mask.padding, mask.paste) == (
        "no", "no", "original", "whole", 32, "yes",
    )  # fmt: skip


@STEADY
@given(sources())
def test_there_and_back_through_json_and_flat_options(source: Source) -> None:
    assert Source.model_validate_json(source.model_dump_json()) == source
    first = PLAIN.passes[0].model_copy(update={"source": source})
    flat = flatten(PLAIN.model_copy(update={"passes": (first,)}))
    for made in (assemble(flat, {}).passes[0].source, assemble_pass(flat, {}).source):
        assert made is not None and made.picture is not None and source.picture is not None
        assert made.picture.file == source.picture.file
        assert (made.mask is None) == (source.mask is None)
        named = {"strength", "start", "fit", "extend", "upscaler", "redraw"}
        assert made.model_dump(include=named) == source.model_dump(include=named)
        if made.mask is not None and source.mask is not None:
            assert made.mask.model_dump(exclude={"picture"}) == source.mask.model_dump(exclude={"picture"})


def test_a_list_of_sides_is_taken_and_minus_nought_is_nought() -> None:
    read = Source.model_validate({"picture": {"file": "a"}, "extend": [1, 2, 3, 4], "strength": -0.0})
    assert read.extend == (1, 2, 3, 4)
    assert read.model_dump_json() == read.model_copy(update={"strength": 0.0}).model_dump_json()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"start": "kept"}, "start: only a pass after another one can go on where it was"),
        ({"picture": None, "extend": (8, 0, 0, 0)}, "extend: there is no picture to extend"),
        ({"extend": (8, 0, 0, 0), "fit": "contain"}, "fit: an extended picture keeps its scale"),
        ({"extend": (-1, 0, 0, 0)}, "extend: .* has a side out of range; use 0 to 4096 pixels"),
        ({"extend": (0, 0, 0, MAX_EXTENSION + 1)}, "extend: .* has a side out of range"),
        ({"extend": (1, 2, 3)}, "extend: "),
        ({"extend": (1.5, 2, 3, 4)}, "extend: "),
        ({"strength": 1.1}, "strength: 1.1 is out of range; use 0 to 1"),
        ({"strength": float("nan")}, "strength: must be a finite number"),
        ({"start": "nosie"}, "unknown start 'nosie'; did you mean noise"),
        ({"fit": "covr"}, "did you mean cover"),
        ({"upscaler": "lanzcos"}, "did you mean lanczos"),
        (
            {"upscaler": "latent"},
            "upscaler: latent enlarges what the pass before left, .*; use lanczos or mini_2x",
        ),
        ({"redraw": "never"}, "unknown redraw 'never'"),
        ({"redraw": "no"}, "redraw: is no, so nothing can be said of how and where to draw; leave strength"),
        ({"redraw": "no", "strength": 0, "mask": {}}, "redraw: is no"),
        ({"redraw": "no", "strength": 0, "depth": {"file": "near.png"}}, "redraw: is no"),
        ({"redraw": "no", "strength": 0, "extend": (8, 0, 0, 0)}, "redraw: is no"),
        ({"redraw": "no", "strength": 0, "picture": None, "start": "kept"}, "redraw: is no"),
        ({"picture": {"file": ""}}, "image: is empty"),
        ({"picture": {"file": "a\0b"}}, "image: holds a NUL character"),
        ({"picture": {"file": "a", "sha256": "AB"}}, "sha256: .* has the wrong form"),
        ({"mask": {"fill": "blur"}}, "unknown mask_fill 'blur'"),
        ({"mask": {"area": "mask"}}, "did you mean masked"),
        ({"mask": {"soft": "maybe"}}, "unknown mask_soft 'maybe'"),
        ({"mask": {"grow": 257}}, "mask_grow: 257 is out of range"),
        ({"mask": {"blur": -1}}, "mask_blur: -1 is out of range"),
        ({"mask": {"picture": {"file": ""}}}, "mask: is empty"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(given: dict[str, object], text: str) -> None:
    with pytest.raises(MezzotintError, match=text) as caught:
        Source.model_validate({"picture": PICTURE, **given})
    assert "\n" not in str(caught.value)


def test_copies_are_validated() -> None:
    with pytest.raises(BadValue, match="no picture to extend"):
        Source().model_copy(update={"extend": (1, 1, 1, 1)})
    assert Mask(picture=MaskPicture(file="m")) != Mask()
