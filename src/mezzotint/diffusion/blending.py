"""What is done to the noise that a picture starts from: a little of another's, or that of another size.

Takes and gives noise `C H W`. Both are A1111's "extra" seed settings, so that its pictures can be drawn again.
"""

import torch
from torch import Tensor

_PARALLEL = 0.9995
"""Beyond this mean cosine all is mixed along lines, as A1111 does; it comes up for equal seeds only."""
_STRAIGHT = 1 - 1e-6
"""Beyond this cosine, either way, an arc has no angle to divide by: vectors of one number are like that."""


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """From `start` (share 0) to `end` (share 1) along arcs, which keeps the variance (Shoemake 1985).

    One arc for each channel and column: the vectors lie along H.
    """
    cosine = torch.nn.functional.cosine_similarity(start, end, dim=1, eps=0.0)
    if float(cosine.mean()) > _PARALLEL:
        return torch.lerp(start, end, share)
    angle = cosine.clamp(-_STRAIGHT, _STRAIGHT).acos()
    line = cosine.abs() > _STRAIGHT
    first = torch.where(line, 1 - share, ((1 - share) * angle).sin() / angle.sin())
    second = torch.where(line, share, (share * angle).sin() / angle.sin())
    return first.unsqueeze(1) * start + second.unsqueeze(1) * end


def pasted(noise: Tensor, onto: Tensor) -> Tensor:
    """`onto` with `noise` in its middle, cut where it is the larger one; an odd rest goes below and to the right."""
    (down, off), (across, aside) = (_span(onto.shape[axis], noise.shape[axis]) for axis in (1, 2))
    made = onto.clone()
    made[:, down, across] = noise[:, off, aside]
    return made


def _span(outer: int, inner: int) -> tuple[slice, slice]:
    """Where `inner` lies in `outer` along one axis, and which part of it."""
    room = (outer - inner) // 2
    length = inner + min(0, 2 * room)
    into, of = max(room, 0), max(-room, 0)
    return slice(into, into + length), slice(of, of + length)
