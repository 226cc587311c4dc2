"""The coverage gate: 100 % of the lines in values, diffusion and weights, 90 % in every other package.

Takes the JSON report that pytest-cov writes (coverage.json, or the path given), prints one row a package and every
line that is missing where the gate is not reached, and exits 1 then.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TypedDict

FULL = frozenset({"values", "diffusion", "weights"})
FULL_GATE, GATE = 100.0, 90.0


class FileReport(TypedDict):
    """What the report says of one file."""

    executed_lines: list[int]
    missing_lines: list[int]


def package_of(file: str) -> str:
    """`values` for src/mezzotint/values/recipe.py; `(root)` for files directly in the package."""
    parts = Path(file).parts
    inside = parts[parts.index("mezzotint") + 1 :]
    return inside[0] if len(inside) > 1 else "(root)"


def shares(files: dict[str, FileReport]) -> dict[str, tuple[int, int]]:
    """Per package: lines run, lines that could run."""
    sums: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name, file in files.items():
        run, lines = sums[package_of(name)]
        executed = len(file["executed_lines"])
        sums[package_of(name)] = (run + executed, lines + executed + len(file["missing_lines"]))
    return dict(sums)


def gate(files: dict[str, FileReport]) -> list[str]:
    """Prints the table and returns one line for every package below its gate."""
    below: list[str] = []
    for package, (run, lines) in sorted(shares(files).items()):
        share = 100.0 * run / lines if lines else 100.0
        wanted = FULL_GATE if package in FULL else GATE
        print(f"{package:<12}{run:>6} of {lines:>6} lines {share:>7.2f} %  (gate {wanted:g} %)")
        if share < wanted:
            below.append(f"{package}: {share:.2f} % of its lines are tested, {wanted:g} % is the gate")
            below += [
                f"  {name}: {file['missing_lines']}"
                for name, file in sorted(files.items())
                if package_of(name) == package and file["missing_lines"]
            ]
    return below


def main(path: Path) -> int:
    """Exit status: 0 when every package reaches its gate."""
    files: dict[str, FileReport] = json.loads(path.read_text("utf-8"))["files"]
    below = gate(files)
    print("\n".join(below))
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "coverage.json")))
