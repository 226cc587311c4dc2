"""The flat options of a recipe: one table for command line flags, request bodies and forms.

Takes the Recipe's own fields, gives `OPTIONS` (name, place, type, limits, help) and the way there and back between
flat values and a Recipe. Knows no command line library and no family's defaults.
"""

import types
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from mezzotint.values.errors import UnknownName
from mezzotint.values.recipe import Pass, Recipe
from mezzotint.values.value import APART, Value, extra, limits

Path = tuple[str | int | type[Value], ...]
"""Fields and places in lists from the Recipe to a leaf; a type is the first entry of this type in a list of several."""


@dataclass(frozen=True)
class Option:
    """One flat option. `path` is its place in the Recipe; `type` is int, float, str or a tuple of one of them.

    Limits are included.

    `default` is what the Recipe itself assumes; None where a value must come from the user or the family.
    """

    name: str
    path: Path
    type: Any
    help: str
    default: object
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]


def _walk(kind: type[Value], above: Path = ()) -> Iterator[Option]:
    for name, info in kind.model_fields.items():
        if APART in extra(info):
            continue
        inner, place = _part(info.annotation)
        here = (*above, name, *place)
        if isinstance(inner, type) and issubclass(inner, Value):
            yield from _walk(inner, here)
        elif "option" in extra(info):
            yield _option(info, here, inner)


def _part(annotation: Any) -> tuple[Any, Path]:
    """The type that a field holds, without None and Annotated.

    Of a tuple of values it is the type of its first entry, with the place; of several types in a tuple the first: only
    this one has options. A tuple of numbers is itself one option.
    """
    while True:
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin is tuple:
            entry, several = _entry(inner[0])
            if not issubclass(entry, Value):
                return annotation, ()
            return entry, (entry if several else 0,)
        if origin is None or (origin is not Annotated and not _optional(annotation)):
            return (cast(type[object], annotation) if isinstance(annotation, type) else object), ()
        annotation = inner[0]


def _entry(annotation: Any) -> tuple[type[Any], bool]:
    """The first of the types of a tuple's entries, and whether there are several."""
    several = False
    while get_origin(annotation) is not None:
        several = several or get_origin(annotation) is Union or get_origin(annotation) is types.UnionType
        annotation = get_args(annotation)[0]
    return annotation, several


def _optional(annotation: Any) -> bool:
    inner = get_args(annotation)
    return len(inner) == 2 and inner[1] is types.NoneType


def _option(info: FieldInfo, path: Path, kind: Any) -> Option:
    noted, bounds = extra(info), limits(info)
    return Option(
        name=cast(str, noted["option"]),
        path=path,
        type=kind,
        help=info.description or "",
        default=None if info.is_required() else info.default,
        minimum=bounds.minimum,
        maximum=bounds.maximum,
        choices=tuple(cast(list[str], noted.get("enum", []))),
    )


OPTIONS: tuple[Option, ...] = tuple(_walk(Recipe))
"""All flat options in the order of the Recipe's fields."""

_NAMES = tuple(option.name for option in OPTIONS)


def assemble(flat: Mapping[str, object], defaults: Mapping[str, object]) -> Recipe:
    """The Recipe of flat options; `flat` wins over `defaults`, and None counts as absent.

    Raises `UnknownName` for an option that does not exist and `BadValue` for a value that is not allowed or missing.
    """
    for name in (*flat, *defaults):
        if name not in _NAMES:
            raise UnknownName("option", name, _NAMES)
    tree: dict[Any, object] = {}
    listed = flat.get("sigmas")
    if isinstance(listed, Sized):  # the list says how many steps there are
        defaults = {**defaults, "steps": len(listed)}
    for option in OPTIONS:
        given = flat.get(option.name)
        value = defaults.get(option.name) if given is None else given
        if value is not None:
            _put(tree, option.path, value)
    tree.setdefault("prompt", {})
    tree.setdefault("passes", {0: {}})
    return Recipe.model_validate(_lists_to_tuples(tree))


def assemble_pass(flat: Mapping[str, object], defaults: Mapping[str, object]) -> Pass:
    """The pass of those flat options that lead into one, as `assemble` makes recipes; others are left alone."""
    tree: dict[Any, object] = {}
    for option in OPTIONS:
        given = flat.get(option.name)
        value = defaults.get(option.name) if given is None else given
        if value is not None and option.path[0] == "passes":
            _put(tree, option.path[2:], value)
    return Pass.model_validate(_lists_to_tuples(tree))


def _put(tree: dict[Any, object], path: Path, value: object) -> None:
    for key in path[:-1]:
        tree = cast(dict[Any, object], tree.setdefault(0 if isinstance(key, type) else key, {}))
    tree[path[-1]] = value


def _lists_to_tuples(node: object) -> object:
    """`node` with every dict whose only key is 0 made a tuple of one."""
    if not isinstance(node, dict):
        return node
    inner = {key: _lists_to_tuples(value) for key, value in cast(dict[Any, object], node).items()}
    return tuple(inner.values()) if set(inner) == {0} else inner


def flatten(recipe: Recipe) -> dict[str, object]:
    """The flat options of `recipe`, None where it has no value: `assemble(flatten(r), {}) == r`."""
    return {option.name: _get(recipe, option.path) for option in OPTIONS}


def _get(recipe: Recipe, path: Path) -> object:
    node: object = recipe
    for key in path:
        if node is None:
            return None
        if isinstance(key, str):
            node = dict(cast(Value, node))[key]
            continue
        entries = cast(tuple[Value, ...], node)
        node = entries[key] if isinstance(key, int) else _first(entries, key)
    return node


def _first(entries: tuple[Value, ...], kind: type[Value]) -> Value | None:
    return next((entry for entry in entries if isinstance(entry, kind)), None)
