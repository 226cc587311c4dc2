"""Pictures enlarged by a network instead of a filter, in bounded memory.

Takes a picture and the size it is wanted at. Gives it at least as large, unless it is already. Whoever calls sees to
threads and precision.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from PIL import Image

from mezzotint.engine.ground import pixels_of
from mezzotint.engine.stages import finish
from mezzotint.families.partners import open_upscaler
from mezzotint.nets.enlarger import Enlarger
from mezzotint.values.photo import Photo

NETWORKS: Mapping[str, Callable[[], Enlarger]] = MappingProxyType({"mini_2x": open_upscaler})
"""The upscalers that are networks."""
TILE = 256
"""The side of the parts of a picture that are enlarged one by one; what is around them is seen, so no border shows."""


def enlarged(photo: Photo, upscaler: str, size: tuple[int, int], device: torch.device) -> Photo:
    """`photo` enlarged by the network of this name until it is as large as `size`, width and height, or larger."""
    image = photo.image
    if upscaler not in NETWORKS or (image.width >= size[0] and image.height >= size[1]):
        return photo
    network = NETWORKS[upscaler]().to(device)
    while image.width < size[0] or image.height < size[1]:
        image = _once(network, image, device)
    alpha = None if photo.alpha is None else photo.alpha.resize(image.size, Image.Resampling.BILINEAR)
    return Photo(image, alpha, photo.notes)


def _once(network: Enlarger, image: Image.Image, device: torch.device) -> Image.Image:
    factor, reach = network.geometry.factor, network.geometry.reach
    made = Image.new("RGB", (image.width * factor, image.height * factor))
    for top in range(0, image.height, TILE):
        for left in range(0, image.width, TILE):
            right, bottom = min(left + TILE, image.width), min(top + TILE, image.height)
            seen = (max(0, left - reach), max(0, top - reach), right + reach, bottom + reach)
            seen = (*seen[:2], min(seen[2], image.width), min(seen[3], image.height))
            (part,) = finish(network(pixels_of(image.crop(seen)).to(device)))
            own = (left - seen[0], top - seen[1], right - seen[0], bottom - seen[1])
            cut = part.crop((own[0] * factor, own[1] * factor, own[2] * factor, own[3] * factor))
            made.paste(cut, (left * factor, top * factor))
    return made
