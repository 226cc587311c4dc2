"""How people write guides: `NAME`, `NAME:VALUE` or `NAME:VALUE,FIELD=VALUE`.

Takes text, gives guides and back. Values stand in the order of the guide's fields until one is named; several values of
one field are joined by `+`. What may be written follows from the fields in `values.guides`, so a new guide needs no
line here.
"""

from collections.abc import Sequence
from types import NoneType
from typing import Annotated, Any, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from mezzotint.values.errors import BadValue, UnknownName, shorten
from mezzotint.values.guides import KINDS, Guide
from mezzotint.values.recipe import Recipe
from mezzotint.values.value import Value


def from_text(text: str) -> Guide:
    """The guide that `text` writes. Raises BadValue and UnknownName, naming the guide and the field."""
    name, _, rest = text.partition(":")
    known = tuple(kind for kind in KINDS if kind != "cfg")
    if name == "cfg":
        raise BadValue("guide", "cfg has an option of its own", "use --guidance")
    if name not in known:
        raise UnknownName("guide", name, known)
    fields = _fields(KINDS[name])
    given: dict[str, object] = {}
    for place, part in enumerate(rest.split(",") if rest else ()):
        field, equals, value = part.partition("=")
        if not equals:
            field, value = _at(name, place, tuple(fields), given), part
        if field not in fields:
            raise UnknownName(f"setting of {name}", field, tuple(fields))
        if field in given:
            raise BadValue(f"{name} {field}", "is given twice", "keep one of them")
        given[field] = _read(f"{name} {field}", value, fields[field].annotation)
    try:
        return cast(Guide, KINDS[name].model_validate(given))
    except BadValue as error:
        # Two guides may have a field of one name, so the error has to say whose it is.
        raise BadValue(f"{name} {error.field}", error.message.partition(": ")[2], error.hint) from None


def to_text(guide: Guide) -> str:
    """`guide` as `from_text` reads it, every field but those with their default written."""
    parts = [
        f"{name}={_written(value)}"
        for name, value in dict(guide).items()
        if name != "kind" and value != type(guide).model_fields[name].default
    ]
    return f"{guide.kind}:{','.join(parts)}" if parts else guide.kind


def with_guides(recipe: Recipe, texts: Sequence[str]) -> Recipe:
    """`recipe` with the guides of `texts` behind its own. Raises what `from_text` does, and BadValue for guides that
    do not fit together."""
    if not texts:
        return recipe
    first, *others = recipe.passes
    guides = (*first.guides, *map(from_text, texts))
    return recipe.model_copy(update={"passes": (first.model_copy(update={"guides": guides}), *others)})


def _fields(kind: type[Value]) -> dict[str, FieldInfo]:
    return {name: info for name, info in kind.model_fields.items() if name != "kind"}


def _at(name: str, place: int, fields: tuple[str, ...], given: dict[str, object]) -> str:
    if place >= len(fields):
        raise BadValue("guide", f"{name} has a value too many", f"it takes {', '.join(fields)}")
    if list(given) != list(fields[:place]):
        raise BadValue("guide", f"{name} has a value without a name behind a named one", "name it, too")
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


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(map(_written, cast(tuple[object, ...], value)))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
