"""The source files as the house tests see them: paths, text, syntax trees, and what of them is public."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "mezzotint"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> str:
    """The path as it is written in messages."""
    return path.relative_to(ROOT).as_posix()


@cache
def modules() -> tuple[Path, ...]:
    """Every Python file of the package."""
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def suite() -> tuple[Path, ...]:
    """Every Python file of the tests."""
    return tuple(sorted((ROOT / "tests").rglob("*.py")))


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that git tracks; in a copy without git, every file of the folders that belong to the project."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode == 0:
        names = done.stdout.decode().split("\0")
        return tuple(ROOT / n for n in names if n and (ROOT / n).is_file())
    found = [p for top in ("src", "tests", "tools", "docs") for p in (ROOT / top).rglob("*")]
    return tuple(p for p in [*found, *ROOT.glob("*.*")] if p.is_file() and "__pycache__" not in p.parts)


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), relative(path))


def length(node: Function | ast.ClassDef) -> int:
    """Lines from the def to the last line of the body, without the docstring."""
    doc = node.body[0] if ast.get_docstring(node) is not None else None
    taken = (doc.end_lineno or 0) - doc.lineno + 1 if doc else 0
    return (node.end_lineno or 0) - node.lineno + 1 - taken


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, nested ones and methods too."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, Function):
            yield node


def public(path: Path) -> Iterator[Function | ast.ClassDef]:
    """Public classes and functions at module level, and public methods of public classes."""
    for node in parsed(path).body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (m for m in node.body if isinstance(m, Function) and not m.name.startswith("_"))
