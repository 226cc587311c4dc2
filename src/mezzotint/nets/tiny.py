"""The tiny autoencoders TAESD, TAESDXL and TAESD3: previews of a latent in a hundredth of the work.

Takes tensors and an explicit geometry. Gives latents in the scale that a denoiser works in (the family's latent scale
and shift are part of it already), or pixels. Knows no noise schedule and no files. The network is that of
madebyollin/taesd (taesd.py): plain convolutions with ReLU, trained to imitate the large autoencoder.

Shapes: B batch, P pixel channels (3), L latent channels, C channels, H W pixel rows and columns.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.layers import conv3
from mezzotint.values.errors import BadValue

ENCODER_BLOCKS = (1, 3, 3, 3)
DECODER_BLOCKS = (3, 3, 3, 1)
"""Residual blocks at each resolution, in the order in which they are passed."""
FACTOR = 2 ** (len(ENCODER_BLOCKS) - 1)
"""Pixels per latent pixel along one side."""
CLAMP = 3.0
"""Latents are pressed softly into -3..3 before they are decoded."""


@dataclass(frozen=True)
class TinyGeometry:
    """The sizes of a tiny autoencoder: `latent` L (4 for SD 1, 2 and XL, 16 for SD 3), `width` C, `pixels` P."""

    latent: int = 4
    width: int = 64
    pixels: int = 3

    def __post_init__(self) -> None:
        if min(self.latent, self.width, self.pixels) < 1:
            raise BadValue(
                "width", "every size of a tiny autoencoder must be at least 1", "check the geometry"
            )


class Block(nn.Module):
    """Three convolutions with ReLU around a residual, and ReLU after it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv3(width, width)
        self.conv2 = conv3(width, width)
        self.conv3 = conv3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C H W."""
        return F.relu(self.conv3(F.relu(self.conv2(F.relu(self.conv1(x))))) + x)


class DownLevel(nn.Module):
    """Half the resolution (but at the first level), then blocks."""

    def __init__(self, width: int, blocks: int, first: bool) -> None:
        super().__init__()
        self.down = None if first else nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C H/2 W/2."""
        return self.blocks(x if self.down is None else self.down(x))


class UpLevel(nn.Module):
    """Blocks, then (but at the last level) twice the resolution."""

    def __init__(self, width: int, blocks: int, last: bool) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.up = None if last else nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C 2H 2W."""
        x = self.blocks(x)
        return x if self.up is None else self.up(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Encoder(nn.Module):
    """Pixels B P H W in 0..1 -> latent B L H/8 W/8."""

    def __init__(self, geometry: TinyGeometry) -> None:
        super().__init__()
        g = geometry
        self.conv_in = conv3(g.pixels, g.width)
        self.levels = nn.Sequential(
            *(DownLevel(g.width, blocks, i == 0) for i, blocks in enumerate(ENCODER_BLOCKS))
        )
        self.conv_out = conv3(g.width, g.latent)

    def forward(self, x: Tensor) -> Tensor:
        """B P H W -> B L h w."""
        return self.conv_out(self.levels(self.conv_in(x)))


class Decoder(nn.Module):
    """Latent B L h w -> pixels B P 8h 8w in about 0..1."""

    def __init__(self, geometry: TinyGeometry) -> None:
        super().__init__()
        g, last = geometry, len(DECODER_BLOCKS) - 1
        self.conv_in = conv3(g.latent, g.width)
        self.levels = nn.Sequential(
            *(UpLevel(g.width, blocks, i == last) for i, blocks in enumerate(DECODER_BLOCKS))
        )
        self.conv_out = conv3(g.width, g.pixels)

    def forward(self, z: Tensor) -> Tensor:
        """B L h w -> B P H W."""
        return self.conv_out(self.levels(F.relu(self.conv_in(torch.tanh(z / CLAMP) * CLAMP))))


class TinyAutoencoder(nn.Module):
    """`encode` and `decode` with pixels in -1..1, as the large autoencoder has them; `forward` is there and back."""

    def __init__(self, geometry: TinyGeometry) -> None:
        super().__init__()
        self.geometry = geometry
        self.encoder = Encoder(geometry)
        self.decoder = Decoder(geometry)

    def encode(self, x: Tensor) -> Tensor:
        """Pixels B P H W in -1..1 -> latent B L H/8 W/8 in the denoiser's scale.

        Raises BadValue for an image whose sides 8 does not divide.
        """
        if x.shape[-2] % FACTOR or x.shape[-1] % FACTOR:
            raise BadValue(
                "size",
                f"an image of {x.shape[-1]} x {x.shape[-2]} pixels cannot be encoded",
                f"give sides that are multiples of {FACTOR}",
            )
        return self.encoder((x + 1) / 2)

    def decode(self, z: Tensor) -> Tensor:
        """Latent B L h w in the denoiser's scale -> pixels B P H W, about -1..1 but not clamped."""
        return self.decoder(z) * 2 - 1

    def forward(self, x: Tensor) -> Tensor:
        """B P H W -> B P H W."""
        return self.decode(self.encode(x))
