"""How much each region of a prompt counts at each place of a latent.

Takes the walks of a pass and the size of their latents. Gives shares. Opens the masks that recipes name.
"""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from mezzotint.engine.ground import mask_of
from mezzotint.engine.pictures import opened_picture
from mezzotint.engine.walk import Walk
from mezzotint.values.region import Region


def shares_of(walked: Sequence[Walk], rows: int, columns: int) -> Tensor | None:
    """R N 1 rows columns, float32, of which all that lie over one another are at most 1 together; None without
    regions. Raises BadPicture for a mask that cannot be read."""
    if not walked[0].prompt.regions:
        return None
    found = torch.stack(
        [torch.stack([_share(one, rows, columns) for one in walk.prompt.regions]) for walk in walked], dim=1
    )
    return found / found.sum(dim=0, keepdim=True).clamp(min=1)


def _share(region: Region, rows: int, columns: int) -> Tensor:
    """1 rows columns: the part of each place that lies in the region, times its weight."""
    down = _covered(region.top, region.bottom, rows, region.feather)
    across = _covered(region.left, region.right, columns, region.feather)
    inside = (down[:, None] * across[None]).unsqueeze(0)
    if region.mask is not None:
        photo = opened_picture(region.mask)
        mask = photo.over((0, 0, 0)).convert("L").resize((columns, rows), Image.Resampling.BOX)
        inside = inside * mask_of(mask)[0]
    return inside * region.weight


def _covered(start: float, stop: float, count: int, feather: float) -> Tensor:
    """How much of each of `count` equal places in 0..1 lies between `start` and `stop`; from inner edges on it grows
    over the length `feather`."""
    ends = torch.arange(count + 1, dtype=torch.float64) / count
    length = (ends[1:].clamp(max=stop) - ends[:-1].clamp(min=start)).clamp(min=0) * count
    if feather:
        middles = (ends[1:] + ends[:-1]) / 2
        if start > 0:
            length = length * ((middles - start) / feather).clamp(0, 1)
        if stop < 1:
            length = length * ((stop - middles) / feather).clamp(0, 1)
    return length.float()
