"""Attentions that are made worse on purpose, for guides that lead away from what comes of it.

Each is an `Attending`: queries, keys and values of a site in, mixed values out. Knows no network and no guide.

Shapes: B batch, H heads, T queries, S keys and values, D width of a head; the first tokens are the pixels of a grid.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from mezzotint.nets.attention import attend
from mezzotint.nets.conditioning import Attending, Grid


def identity(q: Tensor, k: Tensor, v: Tensor, grid: Grid) -> Tensor:
    """Every pixel looks at itself alone (Ahn et al. 2024, PAG) and, where text stands beside the pixels (SD 3), at the
    text; the text looks at everything."""
    count = grid.size
    if k.shape[2] == count:
        return v
    mask = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device)
    mask[:count, :count] = torch.eye(count, dtype=torch.bool, device=q.device)
    return attend(q, k, v, "identity", mask)


def smoothed(sigma: float) -> Attending:
    """The queries of the pixels are blurred over the picture (Hong 2024, SEG) with a deviation of `sigma` pixels; an
    infinite one leaves their mean."""

    def attending(q: Tensor, k: Tensor, v: Tensor, grid: Grid) -> Tensor:
        seen, rest = q[:, :, : grid.size], q[:, :, grid.size :]
        if math.isinf(sigma):
            even = seen.mean(dim=2, keepdim=True).expand_as(seen)
        else:
            planes = seen.transpose(2, 3).reshape(-1, q.shape[3], grid.rows, grid.columns)
            size = math.ceil(6 * sigma) // 2 * 2 + 1
            even = blurred(planes, sigma, size).flatten(2).transpose(1, 2).reshape(seen.shape)
        return attend(torch.cat([even, rest], dim=2), k, v, "smoothed")

    return attending


def blurred(x: Tensor, sigma: float, size: int) -> Tensor:
    """`x` B C H W under a Gaussian of deviation `sigma` on `size` (odd) pixels, mirrored at the edges; on a picture
    that is too small for it, on as many as fit."""
    height, width = x.shape[-2:]
    for side, shape in ((height, (1, 1, -1, 1)), (width, (1, 1, 1, -1))):
        half = min(size // 2, side - 1)
        places = torch.arange(-half, half + 1, dtype=x.dtype, device=x.device)
        weights = torch.exp(-0.5 * (places / sigma) ** 2)
        kernel = (weights / weights.sum()).reshape(shape).expand(x.shape[1], 1, *([-1] * 2))
        pad = (0, 0, half, half) if shape[2] == -1 else (half, half, 0, 0)
        x = F.conv2d(F.pad(x, pad, mode="reflect"), kernel, groups=x.shape[1])
    return x
