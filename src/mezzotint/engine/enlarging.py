"""Pictures enlarged by a network instead of a filter, in bounded memory.

Takes a picture and the size it is wanted at. Gives it about as large or larger, unless it is already. Whoever calls
sees to threads and precision.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from PIL import Image

from mezzotint.engine.ground import pixels_of
from mezzotint.engine.stages import finish
from mezzotint.families.partners import open_upscaler
from mezzotint.nets.enlarger import Enlarger

NETWORKS: Mapping[str, Callable[[], Enlarger]] = MappingProxyType({"mini_2x": open_upscaler})
"""The upscalers that are networks."""
TILE = 256
"""The side of the parts of a picture that are enlarged one by one; what is around them is seen, so no border shows."""


LEFT = 1.25
"""How many times larger a picture may still have to become, so that resampling does it better than another call of the
network and resampling back: measured on drawings, 0.6 to 0.9 dB for 1.03 to 1.25."""

Size = tuple[int, int]
"""Width and height in pixels."""


def enlarger(upscaler: str, device: torch.device) -> Callable[[Image.Image, Size], Image.Image] | None:
    """What enlarges pictures (RGB) to about a size or more, by the network of this name; None: it is no network."""
    if upscaler not in NETWORKS:
        return None

    def enlarged(image: Image.Image, size: Size) -> Image.Image:
        if not _small(image, size):
            return image
        network = NETWORKS[upscaler]().to(device)
        while _small(image, size):
            # A side that is long enough waits for the other, so that no picture becomes larger than is needed.
            whole = min(image.width, size[0]), min(image.height, size[1])
            image = image if whole == image.size else image.resize(whole, Image.Resampling.LANCZOS)
            image = _once(network, image, device)
        return image

    return enlarged


def _small(image: Image.Image, size: Size) -> bool:
    return image.width * LEFT < size[0] or image.height * LEFT < size[1]


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
