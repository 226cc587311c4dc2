"""What the networks that steer a pass see: pictures at the size and place of the drawing, as tensors.

Takes pictures that recipes name, canvases and what the pass before left. Gives tensors. Opens the pictures; whoever
calls sees to threads and precision.

Shapes: N pictures, P hint channels, C latent channels, H W pixels, h w latent pixels.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mezzotint.engine.canvas import Canvas, Size, canvas
from mezzotint.engine.ground import encoded, mask_of
from mezzotint.engine.hinting import make_hint
from mezzotint.engine.model import Opened
from mezzotint.engine.pictures import opened_picture
from mezzotint.engine.scene import Left, Scene
from mezzotint.nets.mmdit_control import MMDiTControlGeometry
from mezzotint.values.controls import ControlUse
from mezzotint.values.errors import BadValue
from mezzotint.values.photo import Photo
from mezzotint.values.source import InitPicture, PictureUse, Source
from mezzotint.values.tiling import Tiling

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
"""What is transparent in a picture, and in a mask, lies on this."""


def hints(
    drawn_on: Scene, left: Left | None, use: ControlUse, drawn: Size, count: int, size: Size
) -> list[Image.Image]:
    """The hint of each of `count` pictures of the size `drawn`, RGB and of `size`; equal ones are one object.

    Raises BadValue where there is no picture to follow, BadPicture, UnknownName.
    """
    canvases = drawn_on.canvases
    if use.picture is not None:
        photo = opened_picture(use.picture)
        images = [placed(photo, canvases[0] if canvases else None, drawn)] * count
    elif canvases:
        images = [one.image for one in canvases]
    elif left is not None:
        images = [placed(Photo(one.convert("RGB")), None, drawn) for one in left.pictures(together=False)]
    else:
        raise BadValue("control", "there is no picture to follow", "write image=FILE behind the control")
    made: dict[int, Image.Image] = {}
    for image in images:
        if id(image) not in made:
            made[id(image)] = _hint(image, use, size)
    return [made[id(image)] for image in images]


def stacked(images: Sequence[Image.Image], seen: Callable[[Image.Image], Tensor]) -> Tensor:
    """What is `seen` of each picture (1 ...), one below the other; each is looked at once, and by itself."""
    made: dict[int, Tensor] = {}
    for image in images:
        if id(image) not in made:
            made[id(image)] = seen(image)
    return torch.cat([made[id(image)] for image in images])


def placed(photo: Photo, under: Canvas | None, size: Size) -> Image.Image:
    """A picture at the size of the drawing; where only a part of another one is drawn, the same part of this one."""
    plain = Source(picture=InitPicture(file="photo"))
    if under is None or under.region is None:
        return canvas(Photo(photo.over(WHITE)), None, plain, size).image
    whole = canvas(Photo(photo.over(WHITE)), None, plain, under.under.size).image
    return whole.crop(under.region).resize(size, Image.Resampling.LANCZOS)


def _hint(image: Image.Image, use: ControlUse, size: Size) -> Image.Image:
    made = image if use.hint is None else make_hint(use.hint, image)
    return made if made.size == size else made.resize(size, Image.Resampling.LANCZOS)


def levels(image: Image.Image, pixels: int) -> Tensor:
    """An RGB picture in as many channels as a network looks at, 1 P H W in 0..1. Raises BadValue for others than 1
    and 3."""
    if pixels not in (1, 3):
        raise BadValue("control", f"this network looks at {pixels} channels, not at a picture", "use another")
    values = np.asarray(image.convert("L" if pixels == 1 else "RGB"), dtype=np.float32)
    planes = torch.tensor(values).reshape(image.height, image.width, pixels)
    return planes.permute(2, 0, 1).unsqueeze(0) / 255


def latents(
    opened: Opened, image: Image.Image, net: MMDiTControlGeometry, kind: str | None, tiling: Tiling
) -> Tensor:
    """An RGB hint as a ControlNet of SD 3 sees it: through the autoencoder of `opened`, 1 C h w.

    The networks of Stability AI are shown edges in levels of their own, 0.5 .. 128 (Stability-AI/sd3.5, sd3_infer.py).
    Raises BadValue for a network that looks at more than a picture.
    """
    latent = opened.model.family.latent
    if net.hint != latent.channels:
        told = f"this network looks at {net.hint} channels, not at the {latent.channels} of a picture"
        raise BadValue("control", told, "use another; those for inpainting cannot be used")
    shown = levels(image, 3)
    edges = not net.reads and (net.kind or kind) == "canny"
    device = next(opened.model.autoencoder.parameters()).device
    pixels = (shown * 127.5 + 0.5 if edges else shown * 2 - 1).to(device)
    seen = encoded(opened, pixels, tiling)
    return seen + latent.shift * latent.scale if net.zeros else seen


def where(use: PictureUse, drawn_on: Scene, drawn: Size, count: int) -> Tensor:
    """The mask N 1 H W of an image prompt for `count` pictures of the size `drawn`, in 0..1."""
    photo, canvases = opened_picture(use), drawn_on.canvases
    shown = Photo(photo.over(BLACK))
    image = placed(shown, canvases[0] if canvases else None, drawn)
    return mask_of(image.convert("L")).expand(count, -1, -1, -1)
