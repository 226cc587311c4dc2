"""Flags as a table, and the parser made from it.

Takes `Flag`s and the words of a command line, gives the values by name. Every complaint is a MezzotintError that
names the flag. Built on argparse, because help must come at once (docs/decisions/0020-argparse.md). Knows no verb.
"""

import argparse
import shutil
import textwrap
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast, get_args, get_origin

from mezzotint.values.errors import BadValue, MezzotintError, UnknownName, nearest, shorten
from mezzotint.values.options import Option


class WrongUse(MezzotintError):
    """Words on the command line that no flag takes."""

    code = "wrong_use"


@dataclass(frozen=True)
class Flag:
    """One flag or, when `positional`, one word. `kind` is int, float, str, Path, bool or a tuple of one of these.

    A positional tuple takes every word that no flag takes.
    `default` None means that the command decides, `required` that the user must; `optional` lets the word `none`
    stand for None. `shown` is the name of the value in help, `choices` are the only values allowed. Flags of one
    `group` stand together in help, under the `note` of the first. A `repeated` flag is given once for each value, which
    become a list.
    """

    name: str
    kind: Any
    help: str
    default: Any = None
    short: str | None = None
    positional: bool = False
    required: bool = False
    shown: str | None = None
    group: str = "flags"
    choices: tuple[str, ...] = ()
    optional: bool = False
    note: str = ""
    repeated: bool = False

    @property
    def spelled(self) -> str:
        """As on the command line: `--clip-skip`."""
        return self.name if self.positional else f"--{self.name.replace('_', '-')}"


def word(name: str, kind: Any, help: str, required: bool = True) -> Flag:
    """A word without a flag in front of it."""
    return Flag(name, kind, help, positional=True, required=required, shown=name.upper())


def from_option(option: Option, group: str) -> Flag:
    """The flag of one recipe option. It is None when not given: the model's family then decides."""
    if option.choices:
        help = f"{option.help}:"
        return Flag(option.name, option.type, help, shown="NAME", group=group, choices=option.choices)
    bounds = "" if option.minimum is None else f" ({_number(option.minimum)} to {_number(option.maximum)})"
    return Flag(option.name, option.type, option.help + bounds, group=group)


@dataclass(frozen=True)
class Help:
    """What `--help` prints beside the flags: the command as it is typed, what it does, what follows at the end."""

    prog: str
    about: str
    more: str = ""


def parse(help: Help, flags: Sequence[Flag], words: Sequence[str]) -> Mapping[str, Any] | None:
    """The values of `flags` in `words` by name, or None after `--help` was printed.

    Raises WrongUse or BadValue, naming the flag.
    """
    parser = _parser(help, flags)
    if {"--help", "-h"} & set(_before_separator(words)):
        parser.print_help()
        return None
    # Words may stand on both sides of flags, which the plain parser only knows of single ones.
    many = any(flag.positional and get_origin(flag.kind) is tuple for flag in flags)
    read = parser.parse_known_intermixed_args if many else parser.parse_known_args
    found, extra = read(list(words))
    if extra:
        raise _unknown(help.prog, extra[0], flags)
    given = vars(found)
    for flag in flags:
        if flag.required and given[flag.name] is None:
            raise WrongUse(f"{flag.shown or flag.spelled} is missing", hint=f"see `{help.prog} --help`")
    return types.MappingProxyType(given)


def _parser(help: Help, flags: Sequence[Flag]) -> "_Parser":
    words = "".join(f" {flag.shown}" for flag in flags if flag.positional)
    rest = " [flags]" if any(not flag.positional for flag in flags) else ""
    parser = _Parser(
        prog=help.prog,
        usage=f"{help.prog}{words}{rest}",
        description=help.about,
        epilog=help.more,
        add_help=False,
        allow_abbrev=False,
        formatter_class=_formatter,
    )
    groups: dict[str, Any] = {}
    for flag in flags:
        title = "words" if flag.positional else flag.group
        if title not in groups:
            groups[title] = parser.add_argument_group(title, textwrap.fill(flag.note, _width() - 2) or None)
        _add(groups[title], flag)
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """argparse's complaint about the form of the words, as one of ours."""
        raise WrongUse(shorten(message.removeprefix("argument "), 200), hint=f"see `{self.prog} --help`")


def _add(parser: Any, flag: Flag) -> None:
    help = flag.help.replace("%", "%%")
    if flag.choices:
        help = f"{help} {', '.join(flag.choices)}".strip()
    if flag.default not in (None, False, "", ()):
        help = f"{help} [{_shown(flag.default)}]".strip()
    if flag.positional:
        number = "*" if get_origin(flag.kind) is tuple else "?"
        parser.add_argument(flag.name, nargs=number, type=_converter(flag), metavar=flag.shown, help=help)
        return
    names = [flag.spelled, *([flag.short] if flag.short else [])]
    if flag.kind is bool:
        action = argparse.BooleanOptionalAction if flag.default else "store_true"
        parser.add_argument(*names, dest=flag.name, action=action, default=flag.default or False, help=help)
        return
    many = get_origin(flag.kind) is tuple
    exactly = get_args(flag.kind)
    number = "+" if Ellipsis in exactly else len(exactly)
    parser.add_argument(
        *names,
        dest=flag.name,
        type=_converter(flag),
        nargs=number if many else None,
        action="append" if flag.repeated else _Tuple if many else "store",
        default=flag.default,
        metavar=flag.shown or _metavar(flag.kind),
        help=help,
    )


class _Tuple(argparse.Action):
    def __call__(
        self, parser: object, namespace: argparse.Namespace, values: Any, option_string: object = None
    ) -> None:
        setattr(namespace, self.dest, tuple(values))


_KINDS: Mapping[Any, tuple[str, str]] = types.MappingProxyType(
    {
        int: ("INT", "a whole number"),
        float: ("NUMBER", "a number"),
        str: ("TEXT", "text"),
        Path: ("PATH", "a path"),
        bool: ("yes|no", "yes or no"),
    }
)
_YES_NO: Mapping[str, bool] = types.MappingProxyType({"yes": True, "no": False})


def _single(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is tuple else kind


def _metavar(kind: Any) -> str:
    return _KINDS[_single(kind)][0]


def _converter(flag: Flag) -> Callable[[str], Any]:
    kind = _single(flag.kind)

    def convert(text: str) -> Any:
        if flag.optional and text == "none":
            return None
        if flag.choices and text not in flag.choices:
            raise UnknownName(flag.name, text, flag.choices)
        try:
            return _YES_NO[text] if kind is bool else kind(text)
        except (ValueError, KeyError):
            hint = flag.help or f"use {_KINDS[kind][1]}"
            raise BadValue(flag.name, f"must be {_KINDS[kind][1]}, not '{shorten(text)}'", hint) from None

    return convert


def _unknown(prog: str, text: str, flags: Sequence[Flag]) -> WrongUse:
    """The error for a word that nobody took: a flag that does not exist, or a second word."""
    if not text.startswith("-"):
        hint = 'put a prompt of several words in quotes: "a red apple"'
        return WrongUse(f"'{shorten(text)}' is one word too many", hint=hint)
    near = nearest(text.split("=")[0], [flag.spelled for flag in flags if not flag.positional])
    hint = f"did you mean {near}? " if near else ""
    return WrongUse(f"unknown flag {shorten(text)}", hint=f"{hint}see `{prog} --help`")


def _before_separator(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=_width())


def _width() -> int:
    return max(40, min(shutil.get_terminal_size().columns, 100))


def _number(value: float | None) -> str:
    return "2^64 - 1" if value == 2**64 - 1 else str(value)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(_shown, cast(tuple[object, ...], value))) if isinstance(value, tuple) else str(value)
