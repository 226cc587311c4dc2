"""A part of a picture with a text of its own.

Takes plain values or text, gives frozen records. Knows no prompt language and opens no picture.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self, cast

from pydantic import Field, StringConstraints, model_validator

from mezzotint.values.errors import BadValue, shorten
from mezzotint.values.source import PictureUse
from mezzotint.values.value import POSITIVE_ZERO, Value, one_of, plain_text
from mezzotint.values.worded import from_words, to_words, written

MAX_TEXT = 8192
LATENT, INSIDE = FORMS = ("latent", "attention")
"""How a region is drawn: by an answer of the network to its text, or by the attention inside the network."""
MAX_REGIONS = 16

Share = Annotated[float, POSITIVE_ZERO, Field(ge=0, le=1)]
Feather = Annotated[float, POSITIVE_ZERO, Field(ge=0, le=0.5)]

FormName = Annotated[str, one_of("region form", FORMS)]
_SETTING = re.compile(r",\s*([a-z_]{1,20}\s*=[^,:]*)")
_BOX = re.compile(r"\s*([0-9.]{1,20})\s*,\s*([0-9.]{1,20})\s*,\s*([0-9.]{1,20})\s*,\s*([0-9.]{1,20})\s*")
_FORM = (
    'write LEFT,TOP,RIGHT,BOTTOM:TEXT with shares from 0 to 1, as "0,0,0.5,1:a red apple", or MASK.png:TEXT'
)


class Settings(Value):
    """How a region is drawn, wherever it is."""

    weight: Share = 1.0
    feather: Feather = 0.0
    form: FormName = LATENT


class Region(Settings):
    """`text` for the place from `left` to `right` and `top` to `bottom`, in shares of the picture, or for where `mask`
    is white. There the picture follows it by `weight`, and by the rest the prompt; `feather` is the share of the
    picture over which its edges fade. With the `form` "latent" the network is asked about each text by itself; with
    "attention" it looks at all of them at once, each pixel at the texts of its place, which takes no further calls."""

    text: Annotated[str, StringConstraints(max_length=MAX_TEXT), plain_text("region")]
    left: Share = 0.0
    top: Share = 0.0
    right: Share = 1.0
    bottom: Share = 1.0
    mask: PictureUse | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _named(cls, value: Any, handler: Callable[[Any], Self]) -> Self:
        # Of several regions an error has to say which one it is about.
        try:
            return handler(value)
        except BadValue as error:
            field = f"{_called(value)} {error.field}"
            raise BadValue(field, error.message.partition(": ")[2], error.hint) from None

    @model_validator(mode="after")
    def _there(self) -> Self:
        if self.left >= self.right or self.top >= self.bottom:
            hint = "put left before right and top before bottom"
            raise BadValue(_called({"text": self.text}), "its box is empty", hint)
        return self


def region_to_text(region: Region) -> str:
    """`region` as `region_from_text` reads it."""
    box = (region.left, region.top, region.right, region.bottom)
    place = ",".join(map(written, box)) if region.mask is None else region.mask.file
    settings = Settings(weight=region.weight, feather=region.feather, form=region.form)
    said = to_words("", settings).removeprefix(":")
    return f"{place},{said}:{region.text}" if said else f"{place}:{region.text}"


def _called(value: object) -> str:
    """How an error names a region that could not be made: by its text, as far as it has one."""
    text = cast(Mapping[str, object], value).get("text") if isinstance(value, Mapping) else None
    return f"region '{shorten(text, 30)}'" if isinstance(text, str) else "region"


def region_from_text(text: str) -> Region:
    """The region of `LEFT,TOP,RIGHT,BOTTOM:TEXT` or `MASK:TEXT`, a mask being a picture file; behind the place may
    stand `,weight=0.8`, `,feather=0.1` and `,form=attention`. Raises BadValue and UnknownName."""
    place, colon, words = text.partition(":")
    said = ",".join(part.strip() for part in _SETTING.findall(place))
    place = _SETTING.sub("", place)
    if not colon or not place.strip() or not words.strip():
        raise BadValue("region", f"'{shorten(text)}' has no place and text", _FORM)
    words = words.strip()
    given = dict(from_words("region", f"region '{shorten(words, 30)}'", said, Settings))
    box = _BOX.fullmatch(place)
    if box is None:
        if re.fullmatch(r"[\s\d.,-]+", place):
            raise BadValue("region", f"'{shorten(place)}' are not four shares", _FORM)
        return Region(text=words, mask=PictureUse(file=place.strip()), **given)
    try:
        left, top, right, bottom = map(float, box.groups())
    except ValueError:
        raise BadValue("region", f"'{shorten(place)}' are not four shares", _FORM) from None
    return Region(text=words, left=left, top=top, right=right, bottom=bottom, **given)
