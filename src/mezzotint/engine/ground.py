"""What a pass draws on, as latents: from canvases to the clean latents it starts from and the mask it keeps to.

Takes canvases, or the latents of the pass before. Gives a `Ground`. Whoever calls sees to threads and precision.

Shapes: N pictures, H W pixels, C h w a latent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from mezzotint.engine.canvas import Canvas
from mezzotint.engine.model import Opened
from mezzotint.engine.tiling import encoded as moments
from mezzotint.families.family import Family
from mezzotint.values.names import YES
from mezzotint.values.source import Mask
from mezzotint.values.tiling import Tiling


@dataclass(frozen=True, eq=False)
class Ground:
    """The `clean` latents N C h w (float32) that a pass starts from, on their device, and where they may `change`
    (N 1 h w, None: everywhere): 1 wholly, or by the amount of a `soft` mask. Under the mask lies `fill`."""

    clean: Tensor
    change: Tensor | None = None
    soft: bool = False
    fill: str = "original"

    def start(self, noise: Tensor) -> Tensor:
        """The clean latents with what the mask is filled with before drawing; `noise` N C h w is unit normal."""
        filling = FILLINGS.get(self.fill)
        if filling is None or self.change is None:
            return self.clean
        share = self.change.to(self.clean)
        return share * filling(noise) + (1 - share) * self.clean


FILLINGS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {"noise": lambda noise: noise, "nothing": torch.zeros_like}
)
"""What a mask is filled with that is no picture."""

GROWING: Mapping[str, str] = MappingProxyType(
    {"latent": "bilinear", "latent_bicubic": "bicubic", "latent_nearest": "nearest-exact"}
)
"""The interpolations behind the upscalers of latents."""


def pixels_of(image: Image.Image) -> Tensor:
    """An RGB image as 1 3 H W in -1..1, float32."""
    levels = torch.tensor(np.asarray(image, dtype=np.float32))
    return levels.permute(2, 0, 1).unsqueeze(0) / 127.5 - 1


def mask_of(mask: Image.Image) -> Tensor:
    """A mask (L) as 1 1 H W in 0..1, float32."""
    return torch.tensor(np.asarray(mask, dtype=np.float32))[None, None] / 255


def plane_of(numbers: Image.Image) -> Tensor:
    """A picture of numbers ("F") as 1 1 H W, float32."""
    return torch.tensor(np.asarray(numbers, dtype=np.float32))[None, None]


def encoded(opened: Opened, pixels: Tensor, tiling: Tiling) -> Tensor:
    """Pixels N 3 H W in -1..1 -> scaled latents N C h w, float32: the mean of what the autoencoder says, so that
    nothing is left to chance."""
    network, scaled = opened.model.autoencoder, opened.model.family.latent
    mean, _ = moments(network, pixels.to(next(network.parameters())), tiling)
    return (mean.float() - scaled.shift) * scaled.scale


def laid(opened: Opened, canvases: Sequence[Canvas], mask: Mask, tiling: Tiling) -> Ground:
    """The ground of pictures, each encoded by itself, so that it does not depend on its neighbours."""
    device = next(opened.model.autoencoder.parameters()).device
    made: dict[int, Tensor] = {}
    for one in canvases:
        if id(one) not in made:
            made[id(one)] = encoded(opened, pixels_of(one.image).to(device), tiling)
    clean = torch.cat([made[id(one)] for one in canvases])
    soft = mask.soft == YES
    masks = [mask_of(one.mask) for one in canvases if one.mask is not None]
    change = (
        None if not masks else small(torch.cat(masks), opened.model.family.latent.factor, soft).to(device)
    )
    return Ground(clean, change, soft, mask.fill)


def small(mask: Tensor, factor: int, soft: bool) -> Tensor:
    """A mask N 1 H W at the size of the latent: every latent pixel of which any pixel is drawn, or, soft, the mean."""
    return F.avg_pool2d(mask, factor) if soft else F.max_pool2d(mask, factor)


def same_latents(one: Family, other: Family) -> bool:
    """Whether latents of one family are latents of the other: they come from autoencoders of one make."""
    return one.latent == other.latent and one.autoencoder == other.autoencoder


def resized(latent: Tensor, upscaler: str, width: int, height: int) -> Tensor:
    """Latents N C h w at `width` x `height` latent pixels, as web UIs enlarge them."""
    return F.interpolate(latent, size=(height, width), mode=GROWING[upscaler])
