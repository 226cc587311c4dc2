"""The hint of inpainting ControlNets: the picture without what is to be painted.

Takes a picture RGB and a mask. Gives an array and not a picture, since -1 is no level of a picture. Needs no OpenCV.
"""

import numpy as np
from PIL import Image

from mezzotint.hints.pixels import Floats, pixels
from mezzotint.values.errors import BadValue

HIDDEN = -1.0
"""What control_v11p_sd15_inpaint is given for a pixel to paint."""
HALF = 128
"""The least level of a mask that says: paint here."""


def inpainting(image: Image.Image, mask: Image.Image) -> Floats:
    """The picture from 0 to 1, `H W 3`, with -1 in every channel where `mask`, of the same size, is bright.

    Raises BadValue for a mask of another size.
    """
    if mask.size != image.size:
        sizes = [f"{width}x{height}" for width, height in (mask.size, image.size)]
        raise BadValue("mask", f"is {sizes[0]}, the picture is {sizes[1]}", "make it as large as the picture")
    values = pixels(image).astype(np.float32) / np.float32(255)
    values[np.asarray(mask.convert("L")) >= HALF] = HIDDEN
    return values
