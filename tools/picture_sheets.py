"""Draws the sheets of docs/howto/pictures.md and control.md, by running the commands of these pages in empty folders.

Nothing is chosen: what a page's commands draw is what its sheets show. Run it after drawing from pictures or hints has
changed; it takes the names of pages, or draws the sheets of all.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from mezzotint.engine.telling.grid import grid

DOCS = Path(__file__).resolve().parent.parent / "docs"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHEETS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "pictures": {
        "from-edit": (("apple", "the picture"), ("edit-5", "0.5"), ("edit-7", "0.7"), ("edit-9", "0.9")),
        "from-inpaint": (
            ("apple", "the picture"),
            ("half", "the mask"),
            ("apple-inpaint", "strength 0.75"),
            ("all-new", "strength 1"),
        ),
        "from-outpaint": (("apple", "the picture"), ("apple-outpaint", "with new space")),
        "from-vary": (
            ("apple", "the picture"),
            *((f"apple-vary-{n}", f"variation {n + 6}") for n in (1, 2, 3)),
        ),
        "from-upscale": (
            ("lanczos", "Lanczos"),
            ("apple-upscale", "the upscaler"),
            ("drawn-over", "drawn over"),
        ),
    },
    "control": {
        "control": tuple(
            cell
            for name, drawn in (
                ("lemon", ("egg-alone", "egg")),
                ("butterfly", ("butterfly-alone", "butterfly-control")),
            )
            for cell in (
                (name, "the picture"),
                (f"{name}-canny", "its edges"),
                (drawn[0], "without them"),
                (drawn[1], "with them"),
            )
        ),
        "control-depth": (
            ("lemon", "the picture"),
            ("lemon-depth", "its depth"),
            ("egg-alone", "without it"),
            ("deep-egg", "with it"),
        ),
    },
}
"""The files of each sheet with their labels, by page; four stand side by side."""
COLUMNS = 4


def draw(page: str, folder: Path) -> None:
    """Runs the commands of a page."""
    for kind, text in BLOCK.findall((DOCS / "howto" / f"{page}.md").read_text("utf-8")):
        if kind == "python":
            subprocess.run([sys.executable, "-c", text], cwd=folder, check=True)
            continue
        for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
            subprocess.run(["bash", "-euc", command], cwd=folder, check=True)


def sheet(folder: Path, cells: Sequence[tuple[str, str]]) -> Image.Image:
    """The pictures of one sheet, on grey where they are smaller than the largest."""
    images = [Image.open(folder / f"{name}.png").convert("RGB") for name, _ in cells]
    across, down = (max(getattr(image, side) for image in images) for side in ("width", "height"))
    framed: list[tuple[Image.Image, str]] = []
    for image, (_, label) in zip(images, cells, strict=True):
        whole = Image.new("RGB", (across, down), "#d8d8d8")
        whole.paste(image, (0, 0))
        framed.append((whole, label))
    return grid(framed, columns=min(COLUMNS, len(cells)))


def main() -> None:
    """Writes docs/pictures/from-*.webp and control.webp."""
    for page in sys.argv[1:] or SHEETS:
        with TemporaryDirectory() as name:
            folder = Path(name)
            draw(page, folder)
            for title, cells in SHEETS[page].items():
                sheet(folder, cells).save(DOCS / "pictures" / f"{title}.webp", quality=90, method=6)


if __name__ == "__main__":
    main()
