"""ControlNet for the MMDiT: a shallower copy of it that looks at a hint and adds to the picture tokens.

Takes what the MMDiT takes and a hint as a latent; gives an `Inject` for it. Knows no preprocessor, no autoencoder and
no files. The network is diffusers' SD3ControlNetModel (Zhang et al. 2023, on Esser et al. 2024) in its two forms: with
joint blocks (InstantX, for SD 3 medium) and without text (Stability AI, for SD 3.5 large).

Shapes: B batch, C latent channels, C' hint channels, H W latent rows and columns, D width, T picture tokens.
"""

from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

from mezzotint.nets.attention import nothing_within
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.layers import zeroed
from mezzotint.nets.mmdit import MMDiTGeometry, Stem
from mezzotint.nets.mmdit_blocks import JointBlock, SingleBlock
from mezzotint.values.errors import BadValue

LENT = ("patches.weight", "patches.bias", "position")
"""What the files of the form without text leave out: these weights are those of the transformer that it steers."""


@dataclass(frozen=True)
class MMDiTControlGeometry:
    """The sizes of the network: `net` those of its own transformer, whose `layers` are the blocks that it has,
    `steered` the blocks of the transformer that it steers, `hint` C', and whether it `reads` the text. One with `zeros`
    wants a pooled text of zeros, and hints whose latents are scaled and not shifted (InstantX's). `kind` is what its
    hints show, where its file says so."""

    net: MMDiTGeometry
    steered: int
    hint: int = 16
    reads: bool = True
    zeros: bool = False
    kind: str | None = None

    def __post_init__(self) -> None:
        if self.hint < 1 or not self.net.layers <= self.steered:
            raise BadValue(
                "steered",
                f"{self.net.layers} blocks that look at {self.hint} channels cannot steer {self.steered}",
                "check the geometry",
            )

    def source(self, block: int) -> int:
        """Whose residual block number `block` of the steered transformer gets; the text's last block gets none."""
        # As the reference divides: with floats, which for some depths is one less than with integers.
        return int(block / (self.steered / self.net.layers))


class MMDiTControl(Stem):
    """The network; a fresh one adds nothing (its last maps are zero)."""

    def __init__(self, geometry: MMDiTControlGeometry) -> None:
        g = geometry.net
        super().__init__(g, geometry.reads)
        self.control = geometry
        self.hint = zeroed(nn.Conv2d(geometry.hint, g.width, g.patch, stride=g.patch))
        kind = JointBlock if geometry.reads else SingleBlock
        self.blocks = nn.ModuleList(kind(g.block(i), f"blocks.{i}") for i in range(g.layers))
        self.zero = nn.ModuleList(zeroed(nn.Linear(g.width, g.width)) for _ in range(g.layers))

    def forward(self, x: Tensor, t: Tensor, cond: Conditioning, hint: Tensor, scale: Tensor) -> Inject:
        """`x`, `t` and `cond` as the MMDiT takes them (one with `zeros` wants a `cond.pooled` of zeros); `hint`
        B C' H W, a picture through the autoencoder; `scale` () or B weighs all that is added -> residuals
        "blocks.0" .. "blocks.{steered - 2}", B T D each.

        Raises BadValue for inputs that do not fit the geometry.
        """
        size = (x.shape[0], self.control.hint, *x.shape[2:])
        if hint.shape != size:
            raise BadValue(
                "hint", f"a hint {tuple(hint.shape)} where {size} fits", "encode a picture of the same size"
            )
        h = self.tokens(x) + self.hint(hint).flatten(2).transpose(1, 2)
        vector, context = self.vector(t, x, cond), self.text(x, cond)
        weight = scale.to(x).reshape(-1, 1, 1)
        made: list[Tensor] = []
        for block, zero in zip(self.blocks, self.zero, strict=True):
            h, context = block(h, context, vector, nothing_within())
            made.append(zero(h) * weight)
        sites = {f"blocks.{i}": made[self.control.source(i)] for i in range(self.control.steered - 1)}
        return Inject(residuals=MappingProxyType(sites))
