"""What the weights of a prompt do to a text encoder's states: one function a way of weighing.

Takes the chunks of a text with their weights, and the encoder as a function that may hide tokens. Gives weighted
states. Knows no prompt language and no file.

Shapes: C chunks, T tokens of each, D width.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

Encode = Callable[[Tensor | None], Tensor]
"""`(hidden tokens bool C T, or None) -> states C T D` of the chunks of one text."""


@dataclass(frozen=True, eq=False)
class Weighed:
    """Chunks to encode: `encode` gives their states and `empty` those of the empty text, 1 T D; `weights` float32 C T
    are 1 around the text; `lowered` are the weights below 1, each with the tokens bool C T of one run of text."""

    encode: Encode
    empty: Callable[[], Tensor]
    weights: Tensor
    lowered: Sequence[tuple[float, Tensor]]


Emphasis = Callable[[Weighed], Tensor]
"""`chunks -> states C T D`. Weights that are all 1 change nothing."""


def ignore(text: Weighed) -> Tensor:
    """The states as they are."""
    return text.encode(None)


def no_norm(text: Weighed) -> Tensor:
    """Every state times its weight."""
    return text.encode(None) * text.weights[..., None]


def original(text: Weighed) -> Tensor:
    """Every state times its weight, then each chunk scaled so that the mean of all its numbers is what it was: A1111's
    own way (`sd_emphasis`)."""
    states = text.encode(None)
    weighed = states * text.weights[..., None]
    mean, new = (x.mean(dim=(1, 2), keepdim=True) for x in (states, weighed))
    # A chunk without weights stays as it is to the bit, and one whose mean vanished has no scale to go back to.
    changed = (text.weights != 1).any(dim=1)[:, None, None] & (new != 0)
    return torch.where(changed, weighed * (mean / new), weighed)


def comfy(text: Weighed) -> Tensor:
    """Every state as far from that of the empty text, at the same place, as its weight says: ComfyUI's way."""
    return _from_empty(text, text.encode(None))


def compel(text: Weighed) -> Tensor:
    """As `comfy`; then, for every run of weight below 1, mixed with the states of the text in which no token looks at
    that run, tan((1 - weight) pi / 2) parts of them to one part (compel 2, its masking mode). A run over several chunks
    hides all that stands between its first and last token, but for the ends of each chunk."""
    total, parts = _from_empty(text, text.encode(None)), 1.0
    for weight, hidden in text.lowered:
        share = math.tan((1 - max(weight, 1e-5)) * math.pi / 2)
        total = total + share * _from_empty(text, text.encode(_stretch(hidden)))
        parts += share
    return total / parts


def _stretch(hidden: Tensor) -> Tensor:
    """All places from the first of `hidden` bool C T to its last; those between chunks stay as they are."""
    flat = hidden.flatten().int()
    between = ((flat.cumsum(0) > 0) & (flat.flip(0).cumsum(0).flip(0) > 0)).view_as(hidden).clone()
    between[:, [0, -1]] = False
    return hidden | between


def _from_empty(text: Weighed, states: Tensor) -> Tensor:
    if bool((text.weights == 1).all()):
        return states
    empty, weights = text.empty(), text.weights[..., None]
    return torch.where(weights == 1, states, empty + (states - empty) * weights)


EMPHASES: Mapping[str, Emphasis] = MappingProxyType(
    {"original": original, "no_norm": no_norm, "comfy": comfy, "compel": compel, "ignore": ignore}
)
