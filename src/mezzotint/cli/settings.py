"""Dataclasses of settings as flags, and flags as settings: a trainer's new setting needs no line here.

Takes a dataclass, nested ones too; gives a Flag for each leaf, and from the parsed flags the object again. Names of
leaves are flat: the geometry of a network has no prefix. Knows no trainer.
"""

import types
from collections.abc import Mapping, Set
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mezzotint.cli.flags import Flag

Settings = TypeVar("Settings")
_NOTHING: Mapping[str, Any] = types.MappingProxyType({})


def flags_of(
    kind: type, group: str, assumed: Mapping[str, Any] = _NOTHING, without: Set[str] = frozenset()
) -> tuple[Flag, ...]:
    """One flag for each leaf of the dataclass `kind` but those in `without`, which the command sets itself.

    The docstring of a dataclass is the note of its group. `assumed` are defaults where the dataclass has none, or
    better ones; a leaf without either must be given. A nested dataclass that is None by default has no flags.
    """
    found: list[Flag] = []
    hints = get_type_hints(kind)
    for field in fields(kind):
        inner = _plain(hints[field.name])
        if field.name in without or _absent(field, inner):
            continue
        if is_dataclass(inner) and isinstance(inner, type):
            found += flags_of(inner, field.name, assumed, without)
        else:
            optional = inner is not hints[field.name]
            flag = _flag(field, inner, group, assumed)
            found.append(replace(flag, optional=optional, note=" ".join((kind.__doc__ or "").split())))
    return tuple(found)


def made(kind: type[Settings], given: Mapping[str, Any], own: Mapping[str, Any] = _NOTHING) -> Settings:
    """The object of `kind` from parsed flags; `own` are the leaves and parts that the command sets itself."""
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType]  (a type variable cannot say "dataclass")
        inner = _plain(hints[field.name])
        if field.name in own:
            values[field.name] = own[field.name]
        elif _absent(field, inner):
            continue
        elif is_dataclass(inner) and isinstance(inner, type):
            values[field.name] = made(inner, given, own)
        elif field.name in given:
            values[field.name] = given[field.name]
    return kind(**values)


def _absent(field: "Field[Any]", inner: Any) -> bool:
    """A part that is left out unless code adds it: flat names could not say whether it is wanted."""
    return is_dataclass(inner) and field.default is None


def _flag(field: "Field[Any]", kind: Any, group: str, assumed: Mapping[str, Any]) -> Flag:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    default = assumed.get(field.name, default)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    required = default is MISSING
    return Flag(
        field.name,
        str if choices else kind,
        str(field.metadata.get("help", "")),
        None if required else default,
        required=required,
        group=group,
        choices=choices,
    )


def _plain(kind: Any) -> Any:
    """`kind` without its None."""
    if get_origin(kind) in (Union, types.UnionType):
        return next(inner for inner in get_args(kind) if inner is not types.NoneType)
    return kind
