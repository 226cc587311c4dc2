"""What a pass starts from besides noise: a picture, how much of it may change, and where.

Takes plain values, gives frozen records. Pictures are named by file and content and are not opened here. Knows no
model and no tensor.
"""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from mezzotint.values.errors import BadValue
from mezzotint.values.names import AREAS, FILLS, FITS, LATENT_UPSCALERS, NO, STARTS, UPSCALERS, YES_NO
from mezzotint.values.value import LISTED, POSITIVE_ZERO, Value, one_of, option, plain_text

MAX_EXTENSION = 4096
"""The most pixels that one side of a picture can be extended by."""

MAX_MIXED = 16
"""The most pictures that are mixed into another."""
_WEIGHED = re.compile(r"(.+?)(?::(\d{1,4}(?:\.\d{0,20})?|\.\d{1,20}))?", re.DOTALL)

PathText = Annotated[str, StringConstraints(min_length=1, max_length=4096), plain_text("image")]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
FitName = Annotated[str, one_of("fit", FITS)]
StartName = Annotated[str, one_of("start", STARTS)]
FillName = Annotated[str, one_of("mask_fill", FILLS)]
AreaName = Annotated[str, one_of("mask_area", AREAS)]
UpscalerName = Annotated[str, one_of("upscaler", UPSCALERS)]


def _yes_no(flag: str) -> AfterValidator:
    return one_of(flag, YES_NO)


class PictureUse(Value):
    """A picture file. `sha256` is that of its bytes, verified when given."""

    file: PathText
    sha256: Sha256 | None = None


class InitPicture(PictureUse):
    """The picture that is changed."""

    file: Annotated[PathText, option("image", "picture to start from")]


class MaskPicture(PictureUse):
    """The picture that says where: white may change, black stays."""

    file: Annotated[PathText, option("mask", "picture that is white where something new is drawn")]


class MixedPicture(PictureUse):
    """Another picture that a model of variations draws from, by its `weight` beside the source's own, which has 1."""

    weight: Annotated[float, POSITIVE_ZERO, Field(ge=0, le=100)] = 1.0


class DepthPicture(PictureUse):
    """The picture that says how near each place is: white is near, black is far."""

    file: Annotated[
        PathText, option("depth", "picture of how near each place is, instead of an estimate (white is near)")
    ]


def mixed_from_text(text: str) -> MixedPicture:
    """The picture of `FILE` or `FILE:WEIGHT`. Raises BadValue."""
    found = _WEIGHED.fullmatch(text)
    if found is None:
        raise BadValue("mix", "names no picture", "write FILE or FILE:0.5")
    try:
        return MixedPicture(file=found[1], weight=float(found[2] or 1))
    except BadValue as error:
        raise BadValue(f"mix {error.field}", error.message.partition(": ")[2], error.hint) from None


class Mask(Value):
    """Where a picture may change. Without a `picture` it is where the source is transparent or was extended.

    `grow` and `blur` are in pixels of the source and work in this order; `fill` is what is put there before drawing.
    With the `masked` area only the part around the mask, with `padding` pixels on each side, is drawn at the recipe's
    size and put back. `soft`: the mask says how much each place may change (Levin and Fried 2023). `paste`: whatever
    lies outside the mask is copied from the source pixel by pixel.
    """

    picture: MaskPicture | None = None
    invert: Annotated[
        str, _yes_no("mask_invert"), option("mask_invert", "draw where the mask is black", names=YES_NO)
    ] = NO
    grow: Annotated[
        int, option("mask_grow", "pixels by which the mask grows, or shrinks", least=-256, most=256)
    ] = 0
    blur: Annotated[
        float, POSITIVE_ZERO, option("mask_blur", "pixels by which the mask is blurred", least=0, most=256)
    ] = 0.0
    soft: Annotated[
        str,
        _yes_no("mask_soft"),
        option("mask_soft", "grey in the mask means: change it a little", names=YES_NO),
    ] = NO
    fill: Annotated[FillName, option("mask_fill", "what lies under the mask before drawing", names=FILLS)] = (
        FILLS[0]
    )
    area: Annotated[
        AreaName, option("mask_area", "draw the whole picture or only around the mask", names=AREAS)
    ] = AREAS[0]
    padding: Annotated[
        int, option("mask_padding", "pixels around the mask that are drawn with it", least=0, most=1024)
    ] = 32
    paste: Annotated[
        str,
        _yes_no("mask_paste"),
        option("mask_paste", "copy what lies outside the mask from the picture", names=YES_NO),
    ] = YES_NO[0]


Sides = Annotated[tuple[int, int, int, int], LISTED, Field()]


def _sides(sides: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    if not all(0 <= side <= MAX_EXTENSION for side in sides):
        raise BadValue("extend", f"{sides} has a side out of range", f"use 0 to {MAX_EXTENSION} pixels")
    return sides


class Source(Value):
    """What a pass starts from: a `picture`, or (None) what the pass before drew.

    `strength` is the share of the steps that are walked. `start` is the beginning at strength 1: `noise` alone, or the
    `noised` picture; `kept`: the latent as the pass before left it, in the middle of its way. `fit` is how a picture
    comes to the size of the recipe; `extend` puts new space to its left, top, right and bottom, in pixels. `mixed` are
    further pictures that are seen with it, by models that draw variations; `depth` is what models of depth see of it
    (None: what they estimate). `noise_level` is for models that see the picture through noise (None: as much as is
    usual). `upscaler` brings the picture, or what the pass before drew, to the size of this one; with `redraw` no, that
    is all.
    """

    picture: InitPicture | None = None
    strength: Annotated[
        float,
        POSITIVE_ZERO,
        option("strength", "how much of the picture may change (1 is all of it)", least=0, most=1),
    ] = 0.75
    start: Annotated[
        StartName, option("start", "at strength 1: noise alone, or the noised picture", names=STARTS)
    ] = STARTS[0]
    fit: Annotated[FitName, option("fit", "how a picture of another shape fits the drawing", names=FITS)] = (
        FITS[0]
    )
    extend: Annotated[
        Sides,
        AfterValidator(_sides),
        option("extend", "pixels of new space: left, top, right, bottom"),
    ] = (0, 0, 0, 0)
    mask: Mask | None = None
    mixed: Annotated[tuple[MixedPicture, ...], LISTED, Field(max_length=MAX_MIXED)] = ()
    depth: DepthPicture | None = None
    noise_level: Annotated[
        int | None, option("noise_level", "noise on what the model sees of the picture", least=0, most=1000)
    ] = None
    upscaler: Annotated[
        UpscalerName, option("upscaler", "what enlarges a picture that is smaller", names=UPSCALERS)
    ] = UPSCALERS[0]
    redraw: Annotated[
        str,
        _yes_no("redraw"),
        option("redraw", "no: the picture is fitted and enlarged, not drawn", names=YES_NO),
    ] = YES_NO[0]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.picture is not None and self.start == "kept":
            raise BadValue(
                "start", "only a pass after another one can go on where it was", "use noise or noised"
            )
        if self.picture is not None and self.upscaler in LATENT_UPSCALERS:
            told = f"{self.upscaler} enlarges what the pass before left, and a picture is none of that"
            raise BadValue("upscaler", told, "use lanczos or mini_2x")
        drawn = (
            self.strength or self.start == "kept" or self.mask or any(self.extend) or self.mixed or self.depth
        )
        if not self.redrawn and drawn:
            told = "is no, so nothing can be said of how and where to draw"
            raise BadValue(
                "redraw", told, "leave strength, start, mask, extend, mix and depth out, or redraw"
            )
        if self.picture is None and any(self.extend):
            raise BadValue("extend", "there is no picture to extend", "give one with --image")
        if any(self.extend) and self.fit != FITS[0]:
            raise BadValue("fit", "an extended picture keeps its scale", "leave fit out")
        return self

    @property
    def redrawn(self) -> bool:
        """Whether the picture is drawn over; else it is fitted and enlarged."""
        return self.redraw != NO

    @property
    def extended(self) -> bool:
        """Whether the picture gets new space around it."""
        return any(self.extend)
