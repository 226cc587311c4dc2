"""ControlNet for hints of several kinds, alone or together: it is told which they show, and fuses what it sees.

Takes what a ControlNet takes, with hints and their kinds; gives an `Inject`. Knows no preprocessor, no name of a kind
and no files. The network is xinsir's ControlNet++ (xinsir6/ControlNetPlus, models/controlnet_union.py).

Shapes: B batch, P hint channels, C0 first width, H W latent rows and columns, f hint pixels per latent pixel, D width
of the features that are fused, E time width.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.clip import ClipBlock
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.layers import time_embedding, zeroed
from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class UnionGeometry:
    """The sizes of the network: `control` those of the ControlNet in it, `kinds` how many kinds of hints it knows,
    `waves` the width of the sinusoids that say which it sees, and `layers` of `heads` that fuse."""

    control: ControlNetGeometry
    kinds: int = 6
    waves: int = 256
    heads: int = 8
    layers: int = 1

    def __post_init__(self) -> None:
        if min(self.kinds, self.waves, self.heads, self.layers) < 1 or self.width % self.heads:
            raise BadValue("kinds", "a size of the union is out of range", "check the geometry")

    @property
    def width(self) -> int:
        """D, which is C0."""
        return self.control.unet.channels[0]

    @property
    def hidden(self) -> int:
        """The width of the feed-forward where features are fused."""
        return 4 * self.width

    @property
    def activation(self) -> str:
        """The name of its activation."""
        return "quick_gelu"


class ControlUnion(nn.Module):
    """The network; a fresh one adds nothing (its last convolutions are zero)."""

    def __init__(self, geometry: UnionGeometry) -> None:
        super().__init__()
        g = geometry
        self.union = geometry
        self.net = ControlNet(g.control)
        self.kinds_in = nn.Linear(g.kinds * g.waves, 4 * g.width)
        self.kinds_out = nn.Linear(4 * g.width, 4 * g.width)
        self.kinds = nn.Parameter(torch.zeros(g.kinds, g.width))
        self.fusion = nn.ModuleList(ClipBlock(g, f"fusion.{i}") for i in range(g.layers))
        self.bias = zeroed(nn.Linear(g.width, g.width))

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        cond: Conditioning,
        hints: Sequence[Tensor],
        kinds: Sequence[int],
        scales: Sequence[float],
    ) -> Inject:
        """`x`, `t` and `cond` as the UNet takes them; `hints` B P fH fW in 0..1, each with its number of `kinds`, below
        that of the geometry, and weighed by `scales` before they are fused -> residuals "down.0" ... and "mid".

        Raises BadValue for inputs that do not fit the geometry.
        """
        x = self.net.joined(x, cond)
        time = self.net.time(t, x, cond, self._told(x, kinds))
        seen = [
            self._fused(self.net.look(hint, x), kind, scale)
            for hint, kind, scale in zip(hints, kinds, scales, strict=True)
        ]
        return self.net.residuals(x, time, cond.tokens, torch.stack(seen).sum(dim=0))

    def _told(self, x: Tensor, kinds: Sequence[int]) -> Tensor:
        """What is added to the time: which kinds of hints there are, B E."""
        present = torch.zeros(self.union.kinds, device=x.device)
        for kind in kinds:
            if not 0 <= kind < self.union.kinds:
                raise BadValue("kind", f"{kind} of {self.union.kinds} kinds of hints", "count from 0")
            present[kind] = 1
        waves = time_embedding(present, self.union.waves).to(x.dtype).reshape(1, -1)
        return self.kinds_out(F.silu(self.kinds_in(waves))).expand(x.shape[0], -1)

    def _fused(self, features: Tensor, kind: int, scale: float) -> Tensor:
        """The features B C0 H W of a hint, and the bias that they and its kind make.

        The reference takes the rows of a batch for the sequence of its attention, and so the network was trained. The
        rows of one picture are all alike, hence here each looks at itself alone, and no picture depends on neighbours.
        """
        token = (features.mean(dim=(2, 3)) + self.kinds[kind])[:, None] * scale
        for layer in self.fusion:
            token = layer(token)
        return (features + self.bias(token)[:, 0, :, None, None]) * scale
