"""Texts for parts of a picture inside the network: each pixel attends to the texts of its place.

Takes what steers, and how much each region counts at each place. Gives, for the rows of one call, an `Inject`. This is
the attention form of regional prompts; the latent form is `diffusion.guidance.regional`.

Shapes: G pictures or tiles of one call, R regions, B rows, S tokens, D width of the text states, h w a latent.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.diffusion.denoise import BLANK, EMPTY, NEGATIVE
from mezzotint.diffusion.guidance.regional import region
from mezzotint.engine.steering import Steering
from mezzotint.nets.blended import Looked, blended, looked_at
from mezzotint.nets.conditioning import Inject
from mezzotint.nets.unet import UNet
from mezzotint.values.errors import BadValue

Inside = Callable[[int, Sequence[str], Tensor], Inject]
"""`(stretch, K texts, places of the rows among K G) -> what regions do in the attentions of these rows`."""


def nothing_inside(stretch: int, texts: Sequence[str], places: Tensor) -> Inject:
    """No region is drawn by attention."""
    return Inject()


def attended(
    network: nn.Module, steered: Steering, shares: Tensor, regions: Sequence[int], dtype: torch.dtype
) -> Inside:
    """What the `regions` (their places in the prompt) do; `shares` G R h w are theirs.

    Raises BadValue for a network that does not look at the text apart from the picture.
    """
    if not isinstance(network, UNet):
        told = "this model looks at text and picture at once, so form=attention has no place in it"
        raise BadValue("region", told, "leave form out, or use a model with a UNet")
    others = frozenset((NEGATIVE.text, EMPTY.text, BLANK.text, *(region(place).text for place in regions)))
    count, shares = len(shares), shares.to(next(network.parameters()).device)

    @cache
    def looks(stretch: int) -> tuple[Looked, ...]:
        said = steered.stretches[stretch]
        rows = ([one.tokens.to(dtype) for one in said[region(place).text]] for place in regions)
        return tuple(looked_at(network, *joined(row)) for row in rows)

    @cache
    def inject(stretch: int, drawn: tuple[int, ...], pictures: tuple[int, ...]) -> Inject:
        of, rows = (torch.tensor(numbers, device=shares.device) for numbers in (pictures, drawn))
        return Inject(attend=blended([look.of(of) for look in looks(stretch)], shares[of], rows))

    def inside(stretch: int, texts: Sequence[str], places: Tensor) -> Inject:
        numbers = cast(list[int], places.tolist())  # pyright: ignore[reportUnknownMemberType]
        found = [
            (row, place % count) for row, place in enumerate(numbers) if texts[place // count] not in others
        ]
        if not found:
            return Inject()
        rows, pictures = zip(*found, strict=True)
        return inject(stretch, rows, pictures)

    return inside


def joined(texts: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """Texts 1 S D of any lengths as G S D, and which of their tokens are some (bool G S; None: all)."""
    lengths = [text.shape[1] for text in texts]
    most = max(lengths)
    tokens = torch.cat([F.pad(text, (0, 0, 0, most - text.shape[1])) for text in texts])
    if min(lengths) == most:
        return tokens, None
    ends = torch.tensor(lengths, device=tokens.device)[:, None]
    return tokens, torch.arange(most, device=tokens.device) < ends
