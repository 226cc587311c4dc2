"""Reads the code blocks of a page and runs them as a reader would, one after the other in one folder.

A `console` block holds commands after `$ `, each with the output that is expected, where any is shown; `...` stands
for text that may differ. A `python` block is a script. A `sh` block needs something that a test does not have (an
installation, a checkpoint of your own, hours) and is not run.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LIMIT = 180
"""Seconds that one command of a page may take."""


@dataclass(frozen=True)
class Run:
    """One thing to run: the command, and the output that the page shows for it (empty: any)."""

    line: int
    command: list[str]
    shown: str


def runs(page: str) -> Iterator[Run]:
    """What a page asks to be run, in order."""
    for block in FENCE.finditer(page):
        line = page.count("\n", 0, block.start()) + 2
        if block[1] == "python":
            yield Run(line, [sys.executable, "-c", block[2]], "")
        elif block[1] == "console":
            yield from commands(block[2], line)


def commands(text: str, line: int) -> Iterator[Run]:
    """The commands of one console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        end = next(n for n, s in enumerate(lines) if not s.endswith("\\"))
        shown = "".join(s + "\n" for s in lines[end + 1 :])
        yield Run(line, ["bash", "-euc", "\n".join(lines[: end + 1])], shown)


def environment() -> dict[str, str]:
    """The caller's environment with this Python's own commands first, and no colours or wide terminals."""
    here = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }


def failure(run: Run, folder: Path) -> str:
    """Runs one thing in `folder`; an empty text, or what went wrong."""
    done = subprocess.run(
        run.command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode != 0:
        return f"line {run.line}: {run.command[-1]}\nexit code {done.returncode}\n{done.stdout}{done.stderr}"
    flags = ELLIPSIS | NORMALIZE_WHITESPACE
    if run.shown and not OutputChecker().check_output(run.shown, done.stdout, flags):
        return f"line {run.line}: {run.command[-1]}\nshown:\n{run.shown}\nprinted:\n{done.stdout}"
    return ""
