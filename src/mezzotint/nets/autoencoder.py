"""The image autoencoder of Stable Diffusion: pixels to a small latent image and back.

Takes tensors and an explicit geometry; gives mean and log-variance, or pixels. Knows no latent scale, no
noise schedule and no files. The network is the KL autoencoder of Rombach et al. 2022
(ldm/modules/diffusionmodules/model.py).

Shapes: B batch, P pixel channels (3), L latent channels, C channels, H W pixel rows and columns,
        h w = H/f W/f with f = 2 ** (levels - 1), T = tokens of the middle attention.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.attention import attend
from mezzotint.nets.layers import (
    GroupNorm,
    Resnet,
    conv1,
    conv3,
    normed_silu,
    to_planes,
    to_tokens,
    upsampled,
)
from mezzotint.values.errors import BadValue

EPS = 1e-6
LOGVAR_RANGE = (-30.0, 20.0)


@dataclass(frozen=True)
class AutoencoderGeometry:
    """The sizes of an autoencoder. `channels` per level, the first at full resolution; `layers` residual
    blocks a level in the encoder and one more in the decoder; `quant` = with the 1x1 convolutions at the
    latent."""

    channels: tuple[int, ...]
    layers: int
    latent: int
    norm_groups: int = 32
    pixels: int = 3
    quant: bool = True

    def __post_init__(self) -> None:
        if not self.channels:
            raise BadValue("channels", "an autoencoder needs at least one level", "give one width per level")
        if min(*self.channels, self.layers, self.latent, self.norm_groups, self.pixels) < 1:
            raise BadValue(
                "channels", "every size of an autoencoder must be at least 1", "check the geometry"
            )
        if any(width % self.norm_groups for width in self.channels):
            raise BadValue(
                "channels",
                f"widths {self.channels} are not all multiples of norm_groups {self.norm_groups}",
                "choose widths that the groups divide",
            )

    @property
    def factor(self) -> int:
        """Pixels per latent pixel along one side."""
        return 2 ** (len(self.channels) - 1)


class MidAttention(nn.Module):
    """Attention of every pixel to every pixel with one head, around a residual."""

    def __init__(self, channels: int, groups: int, site: str) -> None:
        super().__init__()
        self.site = site
        self.norm = GroupNorm(groups, channels, eps=EPS)
        self.q = nn.Linear(channels, channels)
        self.k = nn.Linear(channels, channels)
        self.v = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C H W."""
        tokens = to_tokens(self.norm(x))
        q, k, v = (part(tokens)[:, None] for part in (self.q, self.k, self.v))
        mixed = self.out(attend(q, k, v, self.site)[:, 0])
        return x + to_planes(mixed, x.shape[-2], x.shape[-1])


class Middle(nn.Module):
    """Residual block, attention, residual block at the lowest resolution."""

    def __init__(self, channels: int, groups: int, site: str) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(_resnet(channels, channels, groups) for _ in range(2))
        self.attention = MidAttention(channels, groups, f"{site}.attention")

    def forward(self, x: Tensor) -> Tensor:
        """B C h w -> B C h w."""
        return self.resnets[1](self.attention(self.resnets[0](x)))


class DownLevel(nn.Module):
    """The residual blocks of one resolution, then (except at the last level) half of it."""

    def __init__(self, channels_in: int, channels: int, layers: int, groups: int, last: bool) -> None:
        super().__init__()
        widths = pairwise((channels_in, *[channels] * layers))
        self.resnets = nn.ModuleList(_resnet(a, b, groups) for a, b in widths)
        self.downsample = None if last else nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C' H/2 W/2; padded right and below only, as the published weights expect."""
        for resnet in self.resnets:
            x = resnet(x)
        return self.halved(x)

    def halved(self, x: Tensor) -> Tensor:
        """What follows the blocks: B C H W -> B C H/2 W/2, or at the last level `x` itself."""
        return x if self.downsample is None else self.downsample(F.pad(x, (0, 1, 0, 1)))


class UpLevel(nn.Module):
    """The residual blocks of one resolution, then (except at the last level) twice of it."""

    def __init__(self, channels_in: int, channels: int, layers: int, groups: int, last: bool) -> None:
        super().__init__()
        widths = pairwise((channels_in, *[channels] * layers))
        self.resnets = nn.ModuleList(_resnet(a, b, groups) for a, b in widths)
        self.upsample = None if last else conv3(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """B C H W -> B C' 2H 2W."""
        for resnet in self.resnets:
            x = resnet(x)
        if self.upsample is None:
            return x
        return upsampled(x, self.upsample, (2 * x.shape[-2], 2 * x.shape[-1]))


class Encoder(nn.Module):
    """Pixels B P H W -> moments B 2L h w."""

    def __init__(self, geometry: AutoencoderGeometry) -> None:
        super().__init__()
        g, widths = geometry, geometry.channels
        ends = [False] * (len(widths) - 1) + [True]
        self.conv_in = conv3(g.pixels, widths[0])
        self.down = nn.ModuleList(
            DownLevel(a, b, g.layers, g.norm_groups, last)
            for (a, b), last in zip(pairwise((widths[0], *widths)), ends, strict=True)
        )
        self.mid = Middle(widths[-1], g.norm_groups, "encoder.mid")
        self.norm_out = GroupNorm(g.norm_groups, widths[-1], eps=EPS)
        self.conv_out = conv3(widths[-1], 2 * g.latent)

    def forward(self, x: Tensor) -> Tensor:
        """B P H W -> B 2L h w."""
        x = self.conv_in(x)
        for level in self.down:
            x = level(x)
        return self.conv_out(normed_silu(self.norm_out, self.mid(x)))


class Decoder(nn.Module):
    """Latent B L h w -> pixels B P H W."""

    def __init__(self, geometry: AutoencoderGeometry) -> None:
        super().__init__()
        g, widths = geometry, geometry.channels[::-1]
        ends = [False] * (len(widths) - 1) + [True]
        self.conv_in = conv3(g.latent, widths[0])
        self.mid = Middle(widths[0], g.norm_groups, "decoder.mid")
        self.up = nn.ModuleList(
            UpLevel(a, b, g.layers + 1, g.norm_groups, last)
            for (a, b), last in zip(pairwise((widths[0], *widths)), ends, strict=True)
        )
        self.norm_out = GroupNorm(g.norm_groups, widths[-1], eps=EPS)
        self.conv_out = conv3(widths[-1], g.pixels)

    def forward(self, z: Tensor) -> Tensor:
        """B L h w -> B P H W."""
        x = self.mid(self.conv_in(z))
        for level in self.up:
            x = level(x)
        return self.conv_out(normed_silu(self.norm_out, x))


class Autoencoder(nn.Module):
    """The KL autoencoder: `encode` and `decode`; `forward` is the reconstruction through the mean."""

    def __init__(self, geometry: AutoencoderGeometry) -> None:
        super().__init__()
        self.geometry = geometry
        self.encoder = Encoder(geometry)
        self.quant = conv1(2 * geometry.latent, 2 * geometry.latent) if geometry.quant else None
        self.post_quant = conv1(geometry.latent, geometry.latent) if geometry.quant else None
        self.decoder = Decoder(geometry)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels B P H W in -1..1, H and W multiples of `geometry.factor` -> mean and log-variance, B L h w
        each.

        The latent scale of a family is not applied. The log-variance is held to -30..20. Raises BadValue for
        an image whose sides the factor does not divide.
        """
        self.check(x)
        return self.posterior(self.encoder(x))

    def check(self, x: Tensor) -> None:
        """Raises BadValue for an image whose sides the factor does not divide."""
        factor = self.geometry.factor
        if x.shape[-2] % factor or x.shape[-1] % factor:
            raise BadValue(
                "size",
                f"an image of {x.shape[-1]} x {x.shape[-2]} pixels cannot be encoded",
                f"give sides that are multiples of {factor}",
            )

    def posterior(self, moments: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder gives, B 2L h w -> mean and log-variance, B L h w each."""
        mean, logvar = torch.chunk(moments if self.quant is None else self.quant(moments), 2, dim=1)
        return mean, logvar.clamp(*LOGVAR_RANGE)

    def decode(self, z: Tensor) -> Tensor:
        """Latent B L h w, unscaled -> pixels B P H W, about -1..1 but not clamped."""
        return self.decoder(z if self.post_quant is None else self.post_quant(z))

    def forward(self, x: Tensor) -> Tensor:
        """B P H W -> B P H W: decode the mean of encode."""
        return self.decode(self.encode(x)[0])


def _resnet(channels_in: int, channels_out: int, groups: int) -> Resnet:
    return Resnet(channels_in, channels_out, groups=groups, eps=EPS, time=None)
