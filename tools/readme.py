"""Keeps the README true: writes the annotated tree, and hands out the commands that the README names.

Takes a verb: `tree` writes the tree of the first docstring lines between the markers of README.md, `command` prints
the one line that sets up a developer's copy and runs the tests. Knows nothing of the package but its files.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- tree: written by `make tree` -->\n```\n", "```\n<!-- end of tree -->"


def first_line(path: Path) -> str:
    """The first docstring line of a Python file, without its full stop."""
    doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return doc.split("\n")[0].removesuffix(".")


def rows(folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    """(indented name, first docstring line) of a package and all it holds: its files first, then its packages."""
    inside = "  " * (depth + 1)
    yield "  " * depth + f"{folder.name}/", first_line(folder / "__init__.py")
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py":
            yield inside + file.name, first_line(file)
    for package in sorted(p.parent for p in folder.glob("*/__init__.py")):
        yield from rows(package, depth + 1)


def tree(package: Path) -> str:
    """The annotated tree as text, one line a file."""
    table = list(rows(package, 0))
    width = max(len(name) for name, _ in table) + 2
    return "".join(f"{name:<{width}}{line}".rstrip() + "\n" for name, line in table)


def with_tree(readme: str, text: str) -> str:
    """The README with its tree replaced. Raises ValueError where the markers are missing."""
    head, tail = readme.index(BEGIN) + len(BEGIN), readme.index(END)
    return readme[:head] + text + readme[tail:]


def developer_command(readme: str) -> str:
    """The README's line that installs the package for development and runs its tests."""
    lines = [s for s in readme.splitlines() if s.startswith("pip install") and "&& pytest" in s]
    if len(lines) != 1:
        raise ValueError(f"README.md names {len(lines)} commands that install and run pytest; it must be one")
    return lines[0]


def main(verb: str) -> None:
    """Runs one verb."""
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    if verb == "tree":
        readme.write_text(with_tree(text, tree(ROOT / "src" / "mezzotint")), "utf-8")
    elif verb == "command":
        print(developer_command(text))
    else:
        sys.exit(f"unknown verb {verb!r}: it is tree or command")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
