"""Writes docs/checkpoints.md, the matrix of checkpoint kinds, from the evidence that tests/families/matrix.py finds.

The folder of tests must be on PYTHONPATH (`make matrix`).
"""

from pathlib import Path

from families.matrix import KINDS, cells
from families.matrix_rows import ROWS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "checkpoints.md"
HEAD = """# Checkpoint kinds

What Mezzotint does with each published kind of file. Every cell is computed (`make matrix`; a test fails when this page
is stale), from the names, shapes and types of the published files at full size, and from small models with random
weights:

- **opens**: a small model or network in this layout is written, opened and run;
- **recognised**: the names and shapes alone say what it is;
- **keys**: how many published names are read, and how many are left out by name; one that is neither would be an error;
- **bytes**: all keys with random values at reduced widths, read and written again, are the same to the last byte;
- **parity**: the tests in tests/parity (`test_*.py`) that compare its networks with diffusers or transformers.

"""


def page() -> str:
    """The page as it should be."""
    lines = [
        "| known as | kind | opens | recognised | keys | bytes | parity | what Mezzotint does with it |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in ROWS:
        row, found = ROWS[kind], cells(kind)
        does = "nothing yet" if found.opens.startswith("no:") else row.does
        lines.append(
            f"| {row.known} | `{kind}` | {found.opens} | {found.recognised} | {found.keys} | {found.bytes} "
            f"| {found.parity} | {does} |"
        )
    assert set(ROWS) == set(KINDS)
    return HEAD + "\n".join(lines) + "\n"


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
