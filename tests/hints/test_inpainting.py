"""The hint of inpainting: the picture outside the mask, -1 inside it."""

import numpy as np
import pytest
from PIL import Image

from hints.pictures import noise
from mezzotint.hints.inpainting import inpainting
from mezzotint.values.errors import BadValue


def test_what_is_to_be_painted_is_minus_one():
    levels = np.zeros((32, 40), np.uint8)
    levels[:4], levels[4:8], levels[8:12] = 255, 128, 127
    found = inpainting(noise(), Image.fromarray(levels))
    assert (found.shape, found.dtype) == ((32, 40, 3), np.float32)
    assert np.all(found[:8] == -1)
    assert np.array_equal(found[8:], np.asarray(noise(), np.float32)[8:] / 255)


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_masks_of_any_mode(mode):
    white = Image.new("L", (40, 32), 255).convert(mode)
    assert np.all(inpainting(noise(), white) == -1)


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(BadValue, match="mask: is 8x9, the picture is 40x32; make it as large as the picture"):
        inpainting(noise(), Image.new("L", (8, 9)))
