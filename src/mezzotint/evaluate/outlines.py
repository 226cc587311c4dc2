"""Whether a picture follows the edges it was asked to follow.

Takes edge maps, as a detector finds them in a picture and as they were given as a hint. Gives one figure. Knows no
model and no detector.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Edges = NDArray[Any]
"""`H W`, anything but 0 is an edge."""


def thickened(edges: Edges, by: int) -> NDArray[np.bool_]:
    """Edges `H W` with all pixels that lie at most `by` rows and `by` columns from one."""
    padded = np.pad(edges != 0, by)
    height, width = edges.shape
    near = [padded[y : y + height, x : x + width] for y in range(2 * by + 1) for x in range(2 * by + 1)]
    return np.asarray(np.any(near, axis=0), np.bool_)


def edge_f1(made: Edges, wanted: Edges, tolerance: int = 1) -> float:
    """The F1 score of edges `made` against those `wanted`, 0..1; an edge counts as met within `tolerance` pixels.

    Precision is the part of `made` that lies near `wanted`, recall the part of `wanted` that lies near `made`. Two
    empty maps agree (1); an empty one and another do not (0).
    """
    drawn, asked = made != 0, wanted != 0
    if not drawn.any() or not asked.any():
        return float(drawn.any() == asked.any())
    precision = float(thickened(wanted, tolerance)[drawn].mean())
    recall = float(thickened(made, tolerance)[asked].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
