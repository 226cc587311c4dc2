"""Pictures as arrays, and back.

Takes and gives pictures RGB of 8 bits and arrays `H W` or `H W 3`. Computes nothing.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def pixels(image: Image.Image) -> Bytes:
    """The levels of a picture RGB, `H W 3`."""
    return np.asarray(image, np.uint8)


def picture(levels: Bytes) -> Image.Image:
    """The picture RGB of levels `H W 3`, or of grey ones, `H W`."""
    whole = levels if levels.ndim == 3 else np.repeat(levels[..., None], 3, axis=2)
    return Image.fromarray(np.ascontiguousarray(whole))
