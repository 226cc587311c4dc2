"""Draws the sheet of docs/howto/control.md: all hints but `soft-edge`, of one picture of the embedded model.

The picture and every setting are the first ones that come to hand: seed 7 and the defaults. Normals are those of a
ball, since they are made from depth. Run it after a hint has changed.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from mezzotint import generate
from mezzotint.engine.hinting import make_hint
from mezzotint.engine.telling.grid import grid
from mezzotint.hints.relief import depth_from
from mezzotint.values.names import HINTS

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
SIDE = 512


def ball() -> Image.Image:
    """The depth of a ball."""
    at = np.linspace(-1.25, 1.25, SIDE)
    return depth_from(np.sqrt(np.clip(1 - at[:, None] ** 2 - at[None] ** 2, 0, None)))


def main() -> None:
    """Writes docs/pictures/hints.webp."""
    drawn = generate("a red apple, 3d render", seed=7).image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    names = [name for name in HINTS if name != "soft-edge"]
    made = [(make_hint(name, ball() if name == "normal" else drawn), name) for name in names]
    page = grid([(image.reduce(2), name) for image, name in [(drawn, "the picture"), *made]], columns=7)
    page.save(PICTURES / "hints.webp", quality=85, method=6)


if __name__ == "__main__":
    main()
