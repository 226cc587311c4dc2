"""The entry point of the command line: which verb is meant, its flags, its exit code.

Takes the words after `mezzotint`. Words that begin with no verb are a prompt. Each verb is loaded by the table in
`cli.verbs` when it runs.
"""

import io
import os
import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import FrameType

from mezzotint import __version__
from mezzotint.cli.errors import guarded
from mezzotint.cli.flags import Help, WrongUse, parse
from mezzotint.cli.verbs import GROUPS, VERBS, Verb

_ABOUT = """Draws pictures from words, offline.

  mezzotint "a red apple, 3d render" -o apple.png"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; `arguments` None are those of the process. Gives the exit code: 0 done, 1 failed,
    2 something to correct, 130 stopped."""
    if arguments is None:
        signal.signal(signal.SIGTERM, _stop)
        _forgiving(sys.stdout)
        arguments = sys.argv[1:]
    words = list(arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    return guarded(lambda: _run(words), debug, words)


def _run(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"mezzotint {__version__}")
        return 0
    name, rest, named = _verb(words)
    verb = VERBS[name]
    prog = f"mezzotint {name}" if named else "mezzotint"
    flags = verb.load("flags")() if verb.flags is None else verb.flags
    about = Help(prog, _sentence(verb)) if named else Help(prog, _ABOUT, _verbs_help())
    given = parse(about, flags, rest)
    if given is None:
        return 0
    if verb.check is not None:
        given = verb.check(given)
    with _starting(bool(given.get("quiet"))):
        run = verb.load(verb.work)
    return run(given)


@contextmanager
def _starting(quiet: bool) -> Generator[None]:
    """Tells a terminal that something happens while torch is imported, and takes the line away again."""
    shown = sys.stderr.isatty() and not quiet and os.environ.get("TERM") != "dumb"
    if shown:
        print("starting ...", end="\r", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print("\x1b[K", end="", file=sys.stderr, flush=True)


def _verb(words: list[str]) -> tuple[str, list[str], bool]:
    """The verb that `words` begin with, the words after it, and whether it was named at all."""
    if not words:
        return "generate", ["--help"], False
    if words[0] in GROUPS:
        name = " ".join(words[:2])
        if name not in VERBS:
            known = " or ".join(f"`mezzotint {words[0]} {second}`" for second in GROUPS[words[0]])
            raise WrongUse(f"'{words[0]}' needs a second word", hint=f"use {known}")
        return name, words[2:], True
    return (words[0], words[1:], True) if words[0] in VERBS else ("generate", words, False)


def _sentence(verb: Verb) -> str:
    return f"{verb.help[:1].upper()}{verb.help[1:]}."


def _verbs_help() -> str:
    width = max(map(len, VERBS))
    rows = "\n".join(f"  {name:{width}}  {verb.help}" for name, verb in VERBS.items())
    return f"""verbs (mezzotint VERB --help shows their flags):
{rows}

A prompt that is also a verb needs the verb: mezzotint generate "inspect".
--version shows the version; --debug shows where an error comes from."""


def _stop(number: int, frame: FrameType | None) -> None:
    # The polite way to end a process should clean up like Ctrl-C does.
    raise KeyboardInterrupt


def _forgiving(stream: object) -> None:
    """Lets a terminal that lacks a letter show its code instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
