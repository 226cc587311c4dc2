"""What the networks that steer a pass see: other pictures at the place of the drawing."""

import numpy as np
import pytest
from PIL import Image

from mezzotint.engine.canvas import canvas
from mezzotint.engine.shown import levels, placed
from mezzotint.values.errors import BadValue
from mezzotint.values.photo import Photo
from mezzotint.values.source import InitPicture, Mask, MaskPicture, Source


def ramp(width, height):
    across, down = np.meshgrid(np.linspace(0, 250, width), np.linspace(0, 250, height))
    return Image.fromarray(np.stack([across, down, 255 - across], axis=2).astype(np.uint8))


def around(box, side):
    """The canvas of a picture of 128 x 96 pixels that draws around a masked box, at a square of `side`."""
    mask = Image.new("L", (128, 96))
    mask.paste(255, box)
    asked = Mask(picture=MaskPicture(file="m"), area="masked", padding=8)
    source = Source(picture=InitPicture(file="a"), mask=asked)
    return canvas(Photo(ramp(128, 96)), Photo(mask.convert("RGB")), source, (side, side))


@pytest.mark.parametrize("size", [(128, 96), (256, 192), (64, 48)])
def test_where_a_part_is_drawn_the_same_part_of_another_picture_is_seen(size):
    made = around((80, 40, 96, 56), 32)
    seen = np.asarray(placed(Photo(ramp(*size)), made, (32, 32)), float)
    assert made.region == (72, 32, 104, 64)
    # Of the ramp of 128 columns the part from 72 to 104: the same colours, whatever the size of the other picture.
    assert np.abs(seen - np.asarray(made.image, float)).max() <= 4
    elsewhere = around((16, 40, 32, 56), 32)
    assert np.abs(seen - np.asarray(elsewhere.image, float)).mean() > 60


def test_what_is_transparent_lies_on_white():
    clear = Photo(Image.new("RGB", (16, 16), "red"), Image.new("L", (16, 16), 0))
    assert placed(clear, None, (8, 8)).getextrema() == ((255, 255),) * 3


def test_a_picture_is_seen_in_as_many_channels_as_a_network_has():
    image = ramp(9, 5)
    assert levels(image, 3).shape == (1, 3, 5, 9) and levels(image, 1).shape == (1, 1, 5, 9)
    assert levels(image, 3)[0, :, 2, 7].tolist() == pytest.approx([v / 255 for v in image.getpixel((7, 2))])
    assert levels(image, 1)[0, 0, 2, 7] == pytest.approx(image.convert("L").getpixel((7, 2)) / 255)
    with pytest.raises(BadValue, match="looks at 4 channels"):
        levels(image, 4)
