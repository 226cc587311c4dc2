"""Every error a user may see: one line that says what happened, and one that says what to do next.

Takes names, paths and reasons as plain strings. Gives exceptions with a stable `code`, an `exit_code` for the
command line and a `hint`. Values that came from outside are shortened before they enter a message. Knows nothing
of tensors, files or terminals.
"""

import difflib
import reprlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

SHOWN = 60
"""The most characters of a foreign value that a message repeats."""
MOST_NAMES = 30
"""So many known names still make one line that is read."""


def shorten(value: object, limit: int = SHOWN) -> str:
    """`value` as printable text of at most `limit` characters: control characters and surrogates are escaped."""
    text = value if isinstance(value, str) else _plainly(value)
    clean = "".join(c if c.isprintable() else _escaped(c) for c in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def _plainly(value: object) -> str:
    try:
        return reprlib.repr(value)
    except (
        ValueError,
        RecursionError,
    ):  # an integer beyond Python's limit of digits, a value nested too deep
        return f"a huge {type(value).__name__}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


class MezzotintError(Exception):
    """Base of all errors that are meant for the user. `str()` is the message and the hint in one line."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(
    kind: type[MezzotintError], args: tuple[object, ...], state: dict[str, object]
) -> MezzotintError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class BadValue(MezzotintError):
    """A value that its field does not allow: out of range, wrong type, malformed."""

    code = "bad_value"

    def __init__(self, field: str, message: str, hint: str) -> None:
        super().__init__(f"{field}: {message}", hint=hint)
        self.field = field


class UnknownName(MezzotintError):
    """A name that no list holds, with the one that was `meant` or the nearest known one."""

    code = "unknown_name"

    def __init__(self, kind: str, name: str, known: Iterable[str], meant: str | None = None) -> None:
        self.kind = kind
        self.name = shorten(name)
        self.known = tuple(known)
        near = meant or nearest(name, self.known)
        asked = f"did you mean {near}? " if near else ""
        super().__init__(f"unknown {kind} '{self.name}'", hint=f"{asked}known: {listed(self.known)}")


def listed(names: Sequence[str]) -> str:
    """`names` in one line, of which the last are only counted where there are many."""
    more = len(names) - MOST_NAMES
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:MOST_NAMES])} and {more} more"


def nearest(name: str, known: Sequence[str]) -> str | None:
    """The entry of `known` that `name` was most likely meant to be, or None when nothing is near."""
    plain = {_plain(entry): entry for entry in known}
    close = difflib.get_close_matches(_plain(name[:64]), list(plain), n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    spelled = name.lower().replace("+", "p")
    return "".join(c for c in spelled if c.isalnum())


class ModelNotFound(MezzotintError):
    """No model of that name, and no such file or folder."""

    code = "model_not_found"

    def __init__(self, base: str, hint: str) -> None:
        super().__init__(f"no model '{shorten(base)}'", hint=hint)
        self.base = base


class _FileError(MezzotintError):
    """An error about one file or folder; `.path` is that file."""

    def __init__(self, path: Path | str, message: str, *, hint: str) -> None:
        super().__init__(f"{shorten(str(path), 200)}: {message}", hint=hint)
        self.path = Path(path)


class BadModelFile(_FileError):
    """A model file that cannot be read: truncated, not a model, a header beyond the limits."""

    code = "bad_model_file"

    def __init__(
        self, path: Path | str, reason: str, hint: str = "download it again or use another file"
    ) -> None:
        super().__init__(path, reason, hint=hint)


class PickleRefused(_FileError):
    """A pickle that names something other than data; `wanted` is that name. Nothing of it was run."""

    code = "pickle_refused"

    def __init__(self, path: Path | str, wanted: str) -> None:
        self.wanted = shorten(wanted, 100)
        super().__init__(
            path,
            f"is a pickle that wants to run {self.wanted}, so it was not opened",
            hint="use the .safetensors version of this model",
        )


class WeightsMismatch(_FileError):
    """Weights that do not fit the network: names missing, unknown names, wrong shapes."""

    code = "weights_mismatch"

    def __init__(
        self,
        path: Path | str,
        missing: Sequence[str] = (),
        unexpected: Sequence[str] = (),
        wrong_shape: Sequence[str] = (),
    ) -> None:
        self.missing, self.unexpected, self.wrong_shape = (
            tuple(missing),
            tuple(unexpected),
            tuple(wrong_shape),
        )
        counts = (
            ("missing", self.missing),
            ("unexpected", self.unexpected),
            ("of wrong shape", self.wrong_shape),
        )
        parts = [f"{len(names)} {what} ({_first(names)})" for what, names in counts if names]
        super().__init__(
            path,
            f"the weights do not fit the network: {', '.join(parts)}",
            hint="check that the file is complete and of the model family that was asked for",
        )


def _first(names: Sequence[str], shown: int = 3) -> str:
    return ", ".join(shorten(name, 100) for name in names[:shown]) + (", ..." if len(names) > shown else "")


class Ambiguous(_FileError):
    """A question that the file leaves open and only the user can answer."""

    code = "ambiguous"

    def __init__(self, path: Path | str, question: str, hint: str = "choose explicitly") -> None:
        super().__init__(path, question, hint=hint)


class BadPicture(_FileError):
    """A picture that cannot be read, or that holds no recipe where one is needed."""

    code = "bad_picture"

    def __init__(self, path: Path | str, reason: str, hint: str = "use a PNG, JPEG or WebP picture") -> None:
        super().__init__(path, reason, hint=hint)


class OutputFailed(_FileError):
    """A file that could not be written. Nothing is left behind at that path."""

    code = "output_failed"
    exit_code = 1

    def __init__(
        self, path: Path | str, reason: str, hint: str = "check the folder and the free space"
    ) -> None:
        super().__init__(path, f"could not be written: {shorten(reason, 200)}", hint=hint)


class MissingExtra(MezzotintError):
    """A feature whose optional packages are not installed."""

    code = "missing_extra"

    def __init__(self, extra: str, need: str) -> None:
        super().__init__(f"{need} is not installed", hint=f"pip install 'mezzotint[{extra}]'")
        self.extra = extra


class BadPackage(MezzotintError):
    """Another package's addition that cannot be loaded or does not do what it has to; `package` is its name."""

    code = "bad_package"

    def __init__(self, package: str, message: str, hint: str = "update it, or do without it") -> None:
        self.package = shorten(package)
        super().__init__(f"the package {self.package}: {message}", hint=hint)


class Stopped(MezzotintError):
    """The user stopped the work (Ctrl-C)."""

    code = "stopped"
    exit_code = 130

    def __init__(self, message: str = "stopped", *, hint: str = "the same command starts again") -> None:
        super().__init__(message, hint=hint)


class DataProblem(MezzotintError):
    """Training data that is missing, incomplete or not what it should be."""

    code = "data_problem"
