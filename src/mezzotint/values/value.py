"""The base of all recipe parts: frozen, strict values whose errors a user can read.

Takes keyword values or JSON. Gives objects that compare, hash and copy by value, and turns every validation error
into one `BadValue` that names the field in the user's words. Knows no field of any recipe.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, cast, get_args

from annotated_types import Ge, Le, MultipleOf
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mezzotint.values.errors import BadValue, UnknownName, shorten

KIND = "kind"
"""The field that tells values of a union apart, and therefore is always said."""


APART = "apart"
"""What `apart` notes on a field."""


class Value(BaseModel):
    """A frozen part of a recipe. Construction raises `BadValue` or `UnknownName`, never a pydantic error."""

    # Validators are built at the first use, which showing the help of a command does not reach.
    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, defer_build=True
    )

    @model_validator(mode="wrap")
    @classmethod
    def _readable(cls, value: Any, handler: Callable[[Any], Self]) -> Self:
        # An exception that is no ValueError passes through pydantic unchanged, so the innermost model speaks.
        try:
            return handler(value)
        except ValidationError as error:
            raise _explain(cls, error.errors(include_url=False)[0]) from None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with the fields of `update` exchanged, validated like a new value (pydantic's own is not).

        `deep` has no meaning for frozen values.
        """
        return type(self).model_validate({**dict(self), **(update or {})})

    def stated(self) -> dict[str, object]:
        """What this value says, as plain JSON data: every field that is not at its default, and its `kind`."""
        plain = self.model_dump(mode="json")
        said: dict[str, object] = {}
        for name, info in type(self).model_fields.items():
            held = getattr(self, name)
            if (
                name != KIND
                and not info.is_required()
                and held == info.get_default(call_default_factory=True)
            ):
                continue
            said[name] = _stated(held, plain[name])
        return said


def _stated(held: object, plain: object) -> object:
    if isinstance(held, Value):
        return held.stated()
    if isinstance(held, tuple):
        return [_stated(one, data) for one, data in zip(held, cast(list[object], plain), strict=True)]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return plain


def option(
    flag: str,
    help: str,
    *,
    names: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
    multiple: int | None = None,
) -> Any:
    """The `Field` that makes a leaf the flat option `flag`; `names` are its choices when it has a closed list.

    `least` and `most` are included; typed `Any` because pydantic's own `Field` is.
    """
    noted: dict[str, Any] = {"option": flag}
    if names:
        noted["enum"] = [*names]
    return Field(description=help, json_schema_extra=noted, ge=least, le=most, multiple_of=multiple)


def apart() -> Any:
    """The `Field` of a value, None by default, whose leaves are no flat options."""
    return Field(default=None, json_schema_extra={APART: True})


def one_of(
    kind: str, known: tuple[str, ...], called: Callable[[str], str | None] = lambda name: None
) -> AfterValidator:
    """A validator that lets only the names of `known` pass and raises `UnknownName` with the nearest one.

    `called` gives the known name for what other programs call it, if there is one.
    """

    def check(name: str) -> str:
        if name not in known:
            raise UnknownName(kind, name, known, called(name[:64]))
        return name

    return AfterValidator(check)


def plain_text(field: str) -> AfterValidator:
    """A validator that refuses NUL, which no file format that holds a recipe can store."""

    def check(text: str) -> str:
        if "\0" in text:
            raise BadValue(field, "holds a NUL character", "remove it")
        return text

    return AfterValidator(check)


POSITIVE_ZERO = AfterValidator(lambda number: number + 0.0)
"""-0.0 equals 0.0 but prints differently: equal values must have equal JSON."""

LISTED = BeforeValidator(lambda given: tuple(cast(list[object], given)) if isinstance(given, list) else given)
"""JSON has lists only: a list is taken for a tuple."""


@dataclass(frozen=True)
class Limits:
    """What a number may be: `minimum` and `maximum` included, and a multiple of `multiple`."""

    minimum: float | None
    maximum: float | None
    multiple: float | None


def limits(info: FieldInfo) -> Limits:
    """The limits written on a field, or on the type of one that may be None."""
    found: dict[type, float] = {}
    for mark in (*info.metadata, *_marks(info.annotation)):
        if isinstance(mark, Ge):
            found[Ge] = cast(float, mark.ge)
        elif isinstance(mark, Le):
            found[Le] = cast(float, mark.le)
        elif isinstance(mark, MultipleOf):
            found[MultipleOf] = cast(float, mark.multiple_of)
    return Limits(found.get(Ge), found.get(Le), found.get(MultipleOf))


def _marks(annotation: object) -> Iterator[object]:
    """What stands beside the types in an annotation, one `Field` in another included."""
    for inner in get_args(annotation):
        if isinstance(inner, FieldInfo):
            yield from inner.metadata
        else:
            yield from _marks(inner)


def extra(info: FieldInfo) -> Mapping[str, object]:
    """What `option` noted on a field: its flag under "option", its choices under "enum"."""
    noted = info.json_schema_extra
    return cast(Mapping[str, object], noted) if isinstance(noted, dict) else {}


_SAYINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing": ("is missing", "give a value for it"),
        "extra_forbidden": ("is not a known field", "known: {known}"),
        "int_type": ("must be a whole number, not {shown}", "{allowed}"),
        "int_parsing_size": ("is too large a number", "{allowed}"),
        "float_type": ("must be a number, not {shown}", "{allowed}"),
        "finite_number": ("must be a finite number", "{allowed}"),
        "greater_than_equal": ("{shown} is out of range", "{allowed}"),
        "less_than_equal": ("{shown} is out of range", "{allowed}"),
        "multiple_of": ("{shown} is not a multiple of {multiple_of}", "{allowed}"),
        "string_type": ("must be text, not {shown}", "put it in quotes"),
        "string_unicode": ("holds half a surrogate pair", "remove the broken character"),
        "string_too_long": ("has {length} characters, at most {max_length} are allowed", "shorten it"),
        "string_too_short": ("is empty", "give a value for it"),
        "string_pattern_mismatch": ("{shown} has the wrong form", "{form}"),
        "literal_error": ("{shown} is not allowed", "use {expected}"),
        "too_long": ("has too many entries", "use at most {max_length}"),
        "too_short": ("has too few entries", "use at least {min_length}"),
        "tuple_type": ("must be a list, not {shown}", "use a list of objects"),
        "model_type": ("must be an object with fields, not {shown}", "known: {known}"),
    }
)


def _explain(kind: type[Value], error: ErrorDetails) -> BadValue:
    """The first complaint of pydantic about a `kind`, in the user's words."""
    name = str(error["loc"][0]) if error["loc"] else kind.__name__.lower()
    info = kind.model_fields.get(name)
    given = error["input"]
    facts = {
        **error.get("ctx", {}),
        "shown": f"'{shorten(given)}'" if isinstance(given, str) else shorten(given),
        "length": len(given) if isinstance(given, str) else 0,
        "known": ", ".join(kind.model_fields),
        "allowed": _allowed(info),
        "form": "use 64 lower-case hexadecimal digits" if name == "sha256" else "write it as help shows it",
    }
    message, hint = _SAYINGS.get(error["type"], ("is not allowed", "check its form"))
    word = shorten(extra(info).get("option", name) if info else name)
    return BadValue(word, message.format(**facts), hint.format(**facts))


def _allowed(info: FieldInfo | None) -> str:
    bounds = limits(info) if info else Limits(None, None, None)
    if bounds.minimum is None or bounds.maximum is None:
        return "use a number"
    steps = f" in steps of {bounds.multiple}" if bounds.multiple else ""
    return f"use {bounds.minimum} to {bounds.maximum}{steps}"
