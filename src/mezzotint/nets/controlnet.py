"""ControlNet: a copy of a UNet's way down that looks at a hint picture and adds to the UNet's skip connections.

Takes what the UNet takes and a hint; gives an `Inject` for it. Knows no preprocessor and no files. The network is that
of Zhang et al. 2023 (lllyasviel/ControlNet, cldm/cldm.py).

Shapes: B batch, C latent channels, H W latent rows and columns, f hint pixels per latent pixel (8).
"""

from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import nothing_within
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.layers import conv1, conv3, zeroed
from mezzotint.nets.unet import UNetEncoder, UNetGeometry
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class ControlNetGeometry:
    """The sizes of a ControlNet: those of its `unet` (whose way up is not built), the channels of its hint
    (`pixels`), and the widths on the way from its pixels to latent size, each but the last halving it."""

    unet: UNetGeometry
    hint: tuple[int, ...] = (16, 32, 96, 256)
    pixels: int = 3

    def __post_init__(self) -> None:
        if not self.hint or min(*self.hint, self.pixels) < 1:
            raise BadValue("hint", "every size of a ControlNet must be at least 1", "check the geometry")

    @property
    def factor(self) -> int:
        """Hint pixels per latent pixel along one side."""
        return 2 ** (len(self.hint) - 1)


class ControlNet(UNetEncoder):
    """The network; a fresh one adds nothing (its last convolutions are zero)."""

    def __init__(self, geometry: ControlNetGeometry) -> None:
        super().__init__(geometry.unet)
        self.control = geometry
        widths, first = geometry.hint, geometry.unet.channels[0]
        steps = [conv for a, b in pairwise(widths) for conv in (conv3(a, a), _halving(a, b))]
        self.hint = nn.ModuleList(
            [conv3(geometry.pixels, widths[0]), *steps, zeroed(conv3(widths[-1], first))]
        )
        self.zero = nn.ModuleList(zeroed(conv1(width, width)) for width in geometry.unet.skip_widths)
        self.zero_mid = zeroed(conv1(geometry.unet.channels[-1], geometry.unet.channels[-1]))

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, hint: Tensor, scale: Tensor) -> Inject:
        """`x`, `t` and `cond` as the UNet takes them; `hint` B P fH fW in 0..1; `scale` () or B weighs all that is
        added -> residuals "down.0" ... and "mid".

        Raises BadValue for inputs that do not fit the geometry.
        """
        x = self.joined(x, cond)
        made = self.residuals(x, self.time(t, x, cond), cond.tokens, self.look(hint, x)).residuals
        weight = scale.to(x).reshape(-1, 1, 1, 1)
        return Inject(residuals=MappingProxyType({site: value * weight for site, value in made.items()}))

    def look(self, hint: Tensor, x: Tensor) -> Tensor:
        """What is seen in `hint` B P fH fW for the latents `x` B C H W: B C0 H W. Raises BadValue for another size."""
        size = (x.shape[0], self.control.pixels, *(side * self.control.factor for side in x.shape[-2:]))
        if hint.shape != size:
            raise BadValue(
                "hint", f"a hint {tuple(hint.shape)} where {size} fits", "resize the hint to the picture"
            )
        *convs, last = self.hint
        for conv in convs:
            hint = F.silu(conv(hint), inplace=not torch.is_grad_enabled())
        return last(hint)

    def residuals(self, x: Tensor, time: Tensor, text: Tensor, seen: Tensor) -> Inject:
        """`x` B C H W with its planes, `time` B E, `text` B S D, what is `seen` B C0 H W -> all residuals."""
        skips, mid = self.encode(x, time, text, nothing_within(), hint=seen)
        made = {f"down.{i}": conv(skip) for i, (conv, skip) in enumerate(zip(self.zero, skips, strict=True))}
        return Inject(residuals=MappingProxyType({**made, "mid": self.zero_mid(mid)}))


def _halving(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1)
