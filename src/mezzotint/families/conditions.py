"""From the states of all text encoders to what a network is steered with: one function a kind of model.

Takes the states of one text by the name of the encoder, and what the text is for. Gives a `Conditioning` of one
picture. Knows no tokenizer and no network.

Shapes: T tokens, D width of the network's text states, P pooled width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mezzotint.families.wording import Wording
from mezzotint.nets.clip import TextStates
from mezzotint.nets.conditioning import Conditioning


@dataclass(frozen=True)
class Asked:
    """What one text is for: a picture of `width` and `height` pixels, or (`negative`) what it must not be.

    `wording` is what the text says in a prompt language; None: the text as it is, cut to what an encoder reads. `more`
    tokens of empty chunks follow those of CLIP's encoders.
    """

    text: str
    width: int
    height: int
    negative: bool = False
    wording: Wording | None = None
    more: int = 0


Condition = Callable[[Mapping[str, TextStates], Asked], Conditioning]
"""`(states by encoder, what is asked for) -> conditioning of one picture`."""

GOOD, BAD = 6.0, 2.5
"""The scores of beauty that the refiner is asked for, and steered away from."""


def plain(states: Mapping[str, TextStates], asked: Asked) -> Conditioning:
    """The tokens of the only encoder: SD 1 and 2."""
    (only,) = states.values()
    return Conditioning(tokens=only.tokens)


def sdxl(states: Mapping[str, TextStates], asked: Asked) -> Conditioning:
    """Tokens of all encoders side by side, the pooled vector of the last, and six numbers: the original height and
    width, the crop from top and left, the target height and width.

    An empty negative text is all zeros, as in the training (Podell et al. 2023; sgm, GeneralConditioner).
    """
    tokens, pooled = _joined(states)
    if asked.negative and not asked.text:
        tokens, pooled = torch.zeros_like(tokens), torch.zeros_like(pooled)
    size = (asked.height, asked.width)
    return Conditioning(tokens, pooled, _numbers(pooled, *size, 0, 0, *size))


def refiner(states: Mapping[str, TextStates], asked: Asked) -> Conditioning:
    """As `sdxl`, but the last two numbers are one, a score of beauty, and no text is replaced by zeros."""
    tokens, pooled = _joined(states)
    score = BAD if asked.negative else GOOD
    return Conditioning(tokens, pooled, _numbers(pooled, asked.height, asked.width, 0, 0, score))


def joint(states: Mapping[str, TextStates], asked: Asked) -> Conditioning:
    """SD 3: the tokens of all encoders but the last side by side, filled up with zeros to the width of the last, whose
    tokens follow them; and their pooled vectors side by side (Esser et al. 2024, figure 2)."""
    *short, long = states.values()
    tokens = torch.cat([one.tokens for one in short], dim=-1)
    tokens = F.pad(tokens, (0, long.tokens.shape[-1] - tokens.shape[-1]))
    return Conditioning(
        torch.cat([tokens, long.tokens], dim=1), torch.cat([one.pooled for one in short], dim=-1)
    )


def _joined(states: Mapping[str, TextStates]) -> tuple[Tensor, Tensor]:
    every = list(states.values())
    return torch.cat([one.tokens for one in every], dim=-1), every[-1].pooled


def _numbers(like: Tensor, *values: float) -> Tensor:
    return torch.tensor([values], dtype=torch.float32, device=like.device)
