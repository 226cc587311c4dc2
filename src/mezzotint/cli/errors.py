"""The one place where an error becomes a line on the terminal and an exit code.

Takes the work of a command, gives its exit code: 0, 1 (something failed here), 2 (something to correct), 130
(stopped). An unexpected exception is saved as a report, or shown in full with `--debug`.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence

from mezzotint import __version__
from mezzotint.values.errors import MezzotintError, Stopped, shorten

FAILED = 1
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


def guarded(work: Callable[[], int], debug: bool, arguments: Sequence[str] = ()) -> int:
    """The exit code of `work`, which may raise anything; `arguments` go into the report of an unexpected error."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except MezzotintError as error:
        return _told(error, debug)
    except KeyboardInterrupt:
        return _told(Stopped("stopped, nothing half-written is left"), debug)
    except BrokenPipeError:
        # The reader of our output has gone (`mezzotint models | head`): no one is left to tell.
        _drop_output()
        return FAILED
    except OSError as error:
        return _refused(error, debug)
    except Exception as error:  # noqa: BLE001 - the last door: whatever comes must become one line
        return _unexpected(error, debug, arguments)


def show(message: str, hint: str) -> None:
    """One line on stderr: "error: message; hint", the message in red on a terminal."""
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    start, end = (_RED, _PLAIN) if colour else ("", "")
    print(f"{start}error: {message}{end}; {hint}", file=sys.stderr)


def _told(error: MezzotintError, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    show(error.message, error.hint)
    return error.exit_code


def _refused(error: OSError, debug: bool) -> int:
    """The system said no where no one closer knew what it meant: a full disk under stdout, a file taken away."""
    if debug:
        traceback.print_exc()
    what = error.strerror or type(error).__name__
    named = f"{shorten(str(error.filename), 200)}: {what}" if error.filename else what
    show(named, "check the file, its permissions and the free space")
    _drop_output()
    return FAILED


def _drop_output() -> None:
    """Lets go of what stdout still holds, which would fail again when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unexpected(error: Exception, debug: bool, arguments: Sequence[str]) -> int:
    if debug:
        traceback.print_exc()
        return FAILED
    what = f"unexpected {type(error).__name__}: {shorten(' '.join(str(error).split()), 120)}"
    show(what, f"this is a fault of the program; {_report(error, arguments)}")
    return FAILED


def _report(error: Exception, arguments: Sequence[str]) -> str:
    try:
        with tempfile.NamedTemporaryFile("w", prefix="mezzotint-", suffix=".txt", delete=False) as file:
            file.write(f"mezzotint {__version__}, Python {sys.version}\narguments: {list(arguments)}\n\n")
            file.writelines(traceback.format_exception(error))
        return f"the report is in {file.name}, add --debug to see it"
    except OSError:
        return "add --debug to see where"
