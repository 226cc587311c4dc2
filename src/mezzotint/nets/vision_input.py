"""Pictures as vision towers want to see them: CLIP's the middle square, SigLIP's the whole.

Takes Pillow images of any size and mode. Gives normalised tensors. Knows no network and no files. The arithmetic is
that of CLIP's own preprocessing (openai/CLIP clip/clip.py, _transform), in the rounding of transformers'
CLIPImageProcessor and SiglipImageProcessor, from which it differs by float32 rounding alone.

Shapes: B pictures, S side in pixels.
"""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from mezzotint.values.errors import BadValue

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Red, green and blue over CLIP's training pictures, in 0..1."""
NARROWEST = 100
"""The most times that a picture may be longer than wide: all of it is resized before the middle is taken."""


def middle_square(picture: Image.Image, side: int) -> Image.Image:
    """The picture in RGB, its shorter edge resized to `side` (bicubic), its middle `side` x `side` pixels cropped.

    Transparency is dropped without blending, as the reference does. Raises BadValue for an empty picture, and for one
    of which almost nothing would be left.
    """
    width, height = picture.size
    if not width or not height or side < 1:
        raise BadValue(
            "picture", f"{width} x {height} pixels for a side of {side}", "give a picture with pixels"
        )
    short = min(width, height)
    if max(width, height) > NARROWEST * short:
        raise BadValue(
            "picture", f"{width} x {height} pixels are too narrow", "crop it to what is to be seen"
        )
    size = (int(side * width / short), int(side * height / short))
    resized = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return resized.crop((left, top, left + side, top + side))


def clip_pixels(pictures: Sequence[Image.Image], side: int) -> Tensor:
    """B pictures -> B 3 S S float32 with CLIP's mean and standard deviation taken out.

    Raises BadValue for no picture at all and for an empty one.
    """
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    levels = _levels([middle_square(picture, side) for picture in pictures], side)
    return ((levels / 255 - mean) / std).contiguous()


def siglip_pixels(pictures: Sequence[Image.Image], side: int) -> Tensor:
    """B pictures -> B 3 S S float32 in -1..1, each as a whole, whatever its proportions.

    Transparency is dropped without blending, as the reference does. Raises BadValue as `clip_pixels` does.
    """
    for picture in pictures:
        if not all(picture.size) or side < 1:
            told = f"{picture.width} x {picture.height} pixels for a side of {side}"
            raise BadValue("picture", told, "give a picture with pixels")
    size = side, side
    levels = _levels([one.convert("RGB").resize(size, Image.Resampling.BICUBIC) for one in pictures], side)
    return ((levels / 255 - 0.5) / 0.5).contiguous()


def _levels(squares: Sequence[Image.Image], side: int) -> Tensor:
    """B RGB pictures of this side -> uint8 B 3 S S. Raises BadValue for none."""
    if not squares:
        raise BadValue("pictures", "none given", "give at least one picture")
    data = bytearray(b"".join(square.tobytes() for square in squares))
    return torch.frombuffer(data, dtype=torch.uint8).view(len(squares), side, side, 3).permute(0, 3, 1, 2)
