"""How people write one value with its settings: `NAME`, `NAME:VALUE` or `NAME:VALUE,FIELD=VALUE`.

Takes text and the type of the value, gives values and back. Values stand in the order of the type's fields until one is
named; several values of one field are joined by `+`. What may be written follows from the fields. Knows no type.
"""

from types import NoneType
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from mezzotint.values.errors import BadValue, UnknownName, shorten
from mezzotint.values.value import KIND, Value

Worded = TypeVar("Worded", bound=Value)


def from_words(what: str, name: str, rest: str, kind: type[Worded]) -> Worded:
    """The value of the type `kind` whose settings are `rest`, the text behind the colon.

    `what` it is ("guide") and its `name` stand in the errors: BadValue and UnknownName.
    """
    fields = fields_of(kind)
    given: dict[str, object] = {}
    for place, part in enumerate(rest.split(",") if rest else ()):
        field, equals, value = part.partition("=")
        if not equals:
            field, value = _at(what, name, place, tuple(fields), given), part
        if field not in fields:
            raise UnknownName(f"setting of {name}", field, tuple(fields))
        if field in given:
            raise BadValue(f"{name} {field}", "is given twice", "keep one of them")
        given[field] = _read(f"{name} {field}", value, fields[field].annotation)
    try:
        return kind.model_validate(given)
    except BadValue as error:
        # Two types may have a field of one name, so the error has to say whose it is.
        raise BadValue(f"{name} {error.field}", error.message.partition(": ")[2], error.hint) from None


def to_words(name: str, value: Value) -> str:
    """`value` as `from_words` reads it behind `name`, every field but those with their default written."""
    parts = [
        f"{field}={written(given)}"
        for field, given in dict(value).items()
        if field != KIND and given != type(value).model_fields[field].default
    ]
    return f"{name}:{','.join(parts)}" if parts else name


def fields_of(kind: type[Value]) -> dict[str, FieldInfo]:
    """The fields that are settings, in their order."""
    return {name: info for name, info in kind.model_fields.items() if name != KIND}


def written(value: object) -> str:
    """One setting as people write it."""
    if isinstance(value, tuple):
        return "+".join(map(written, cast(tuple[object, ...], value)))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _at(what: str, name: str, place: int, fields: tuple[str, ...], given: dict[str, object]) -> str:
    if place >= len(fields):
        takes = f"it takes {', '.join(fields)}" if fields else "it takes none"
        raise BadValue(what, f"{name} has a value too many", takes)
    if list(given) != list(fields[:place]):
        raise BadValue(what, f"{name} has a value without a name behind a named one", "name it, too")
    return fields[place]


def _read(word: str, text: str, annotation: Any) -> object:
    """`text` as a value of the type that a field has; what its limits are, the field itself checks."""
    kind = _plain(annotation)
    if get_origin(kind) is tuple:
        return tuple(_read(word, part, get_args(kind)[0]) for part in text.split("+"))
    if kind not in (int, float):
        return text
    try:
        return kind(text[:400])
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise BadValue(word, f"must be {what}, not '{shorten(text)}'", f"use {what}") from None


def _plain(annotation: Any) -> Any:
    """`annotation` without Annotated and None."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif NoneType in get_args(annotation):
            annotation = next(inner for inner in get_args(annotation) if inner is not NoneType)
        else:
            return annotation
