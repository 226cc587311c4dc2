"""What models are steered with besides texts: what they make of a picture, one function a kind of model.

Takes a picture with its mask, and the networks that look at it. Gives what joins the conditioning of the texts. Knows
no prompt and no sampler.

Shapes: H W pixels, h w latent pixels, L latent channels.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.conditioning import Conditioning

PICTURE, MASK = "a picture", "a mask"
"""What models may need besides a text."""
MIX, NEAR = "mix", "depth"
"""What models may be given beside that picture: others like it, or how near each of its places is."""


@dataclass(frozen=True)
class Levels:
    """The noise on what a model sees: its `usual` level, and the `most` that it knows."""

    usual: int
    most: int


@dataclass(frozen=True, eq=False)
class Shown:
    """What one picture is drawn from: `pixels` 1 3 H W in -1..1, and the `mask` 1 1 H W, 1 where something new is drawn
    (None: everywhere). `noise` draws unit normal noise of a shape, float32, from the picture's own seed; `level` is how
    much of it is put on what the model sees. `mixed` are further pictures, each with its weight; `pixels` have 1.
    `near` 1 1 H W is how near each place is, on any scale (None: nobody knows)."""

    pixels: Tensor
    mask: Tensor | None
    noise: Callable[[tuple[int, ...]], Tensor]
    level: int = 0
    mixed: Sequence[tuple[Tensor, float]] = ()
    near: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Eyes:
    """The networks that look: `encode` makes of pixels B 3 H W the scaled latent B L h w, `networks` are the family's
    own by name. `factor` pixels make one of the latent, and `scale` makes it one of unit variance."""

    encode: Callable[[Tensor], Tensor]
    networks: Mapping[str, nn.Module]
    factor: int
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Extra:
    """What joins the conditioning of one text, B = 1 each; None leaves what the text gave."""

    planes: Tensor | None = None
    pooled: Tensor | None = None
    numbers: Tensor | None = None

    def joined(self, cond: Conditioning) -> Conditioning:
        """`cond` with this in it."""
        given = {"planes": self.planes, "pooled": self.pooled, "numbers": self.numbers}
        return replace(cond, **{name: value for name, value in given.items() if value is not None})


def _no_others() -> Mapping[str, Extra]:
    return MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model makes of a picture: the `usual` beside every text, but for `others`, by the name of the text."""

    usual: Extra = Extra()
    others: Mapping[str, Extra] = field(default_factory=_no_others)

    def beside(self, text: str) -> Extra:
        """What joins the conditioning of the text of this name."""
        return self.others.get(text, self.usual)


Look = Callable[[Eyes, Shown], Seen]
"""`(networks, what is shown) -> what is seen`."""


def nothing(eyes: Eyes, shown: Shown) -> Seen:
    """Draws from texts alone."""
    return Seen()


def inpainting(eyes: Eyes, shown: Shown) -> Seen:
    """The mask, and the latent of the picture with grey under the mask, join the latent: 1 + L channels.

    latent-diffusion, scripts/inpaint_st.py. Where there is no mask, all is masked.
    """
    mask = torch.ones_like(shown.pixels[:, :1]) if shown.mask is None else shown.mask.to(shown.pixels)
    latent = eyes.encode(shown.pixels * (mask < 0.5))
    small = F.interpolate(mask, size=latent.shape[-2:], mode="nearest")
    return Seen(Extra(planes=torch.cat([small, latent], dim=1)))
