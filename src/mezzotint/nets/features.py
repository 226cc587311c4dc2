"""Means and deviations of features that lie in planes, told and drawn towards those of others.

Takes features and what is done within a forward; gives features. Knows no network. The formula is that of adaptive
instance normalisation (Huang & Belongie 2017).

Shapes: B batch, C channels, H W pixels of a site.
"""

import torch
from torch import Tensor

from mezzotint.nets.attention import Within
from mezzotint.nets.conditioning import Moments

EPS = 1e-6
"""Added to a variance."""


def moments_of(x: Tensor) -> Moments:
    """Mean and deviation of each channel of `x` B C H W over its pixels, B C 1 1 each, float32."""
    variance, mean = torch.var_mean(x.float(), dim=(2, 3), keepdim=True, correction=0)
    return mean, (variance + EPS).sqrt()


def in_manner(x: Tensor, site: str, within: Within) -> Tensor:
    """`x` B C H W with mean and deviation drawn towards those of the manners that there are at `site`, each by its
    weight w: (1 - w) of its own and w of the manner's. Where weights sum up to more than 1, they are shares of it."""
    there = [manner for manner in within.manners if site in manner.moments]
    if not there and site not in within.felt:
        return x
    mean, deviation = moments_of(x)
    if site in within.felt:
        within.moments[site] = mean, deviation
    if not there:
        return x
    one = mean.new_ones(1, 1, 1, 1)
    weights = [one if m.weight is None else m.weight.to(one).reshape(-1, 1, 1, 1) for m in there]
    whole = torch.stack([weight.expand(len(x), 1, 1, 1) for weight in weights]).sum(0).clamp(min=1)
    drawn = [mean, deviation]
    for manner, weight in zip(there, weights, strict=True):
        share = weight / whole
        drawn = [
            to + share * (theirs - own)
            for to, theirs, own in zip(drawn, manner.moments[site], (mean, deviation), strict=True)
        ]
    return ((x - mean) / deviation * drawn[1] + drawn[0]).to(x.dtype)
