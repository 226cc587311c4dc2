"""Runs the command line for tests: in this process, or as a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass

from mezzotint.cli.main import main

TOY = ("--model", "toy", "--width", "32", "--height", "32", "--steps", "2", "--threads", "1")
"""Flags for the smallest picture."""


@dataclass(frozen=True)
class Done:
    """Exit code and what was said."""

    code: int
    out: str
    err: str


def here(capsys, *words):
    """The outcome of `mezzotint WORDS` in this process."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return Done(code, said.out, said.err)


def command(*words):
    """The words of a real process that runs `mezzotint WORDS`."""
    return [sys.executable, "-m", "mezzotint", *map(str, words)]


def apart(*words, folder=None, **environment):
    """The outcome of `mezzotint WORDS` as a process of its own, in `folder`."""
    done = subprocess.run(
        command(*words),
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def files(folder):
    """The names of all files under `folder`."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def error_of(done):
    """The one error line of a command that failed. Checks that it is one line and no traceback."""
    lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.err
    assert "Traceback" not in done.err
    assert "Traceback" not in done.out
    assert "; " in lines[0], f"no hint in: {lines[0]}"
    assert len(lines[0]) < 500
    return lines[0]
