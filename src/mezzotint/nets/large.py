"""Encodes and decodes large pictures with the image autoencoder in the memory of a small one.

Takes an `Autoencoder`, pixels or a latent, and the side of a picture whose memory may be used; gives what its `encode`
and `decode` give, up to the rounding of sums. The lowest resolution, with the attention, is computed whole; the others
over bands of rows (nets/bands.py). Knows no latent scale and no files.

Shapes: B batch, P pixel channels, L latent channels, C channels, H W pixel rows and columns, h w latent ones.
"""

from fractions import Fraction
from functools import partial

from torch import Tensor, nn

from mezzotint.nets.autoencoder import Autoencoder, Decoder, DownLevel, Encoder, UpLevel
from mezzotint.nets.bands import Stage, Walk, run
from mezzotint.nets.layers import Resnet, normed_silu, upsampled


def decode(net: Autoencoder, z: Tensor, side: int, wrap: bool = False) -> Tensor:
    """`net.decode(z)`: B L h w -> B P H W, in about the memory that a picture of `side` x `side` pixels takes.

    Beside the two pictures a latent of h w with the network's width is held. `wrap`: the rows go on from the last to
    the first, in a network whose convolutions wrap.
    """
    decoder = net.decoder
    x = z if net.post_quant is None else net.post_quant(z)
    x = decoder.mid(decoder.conv_in(x))
    return run(_decoding(decoder), x, _room(net, side), wrap)


def encode(net: Autoencoder, x: Tensor, side: int, wrap: bool = False) -> tuple[Tensor, Tensor]:
    """`net.encode(x)`: B P H W -> mean and log-variance B L h w, in about the memory that a picture of `side` x `side`
    pixels takes. Raises BadValue for an image whose sides the factor does not divide."""
    encoder = net.encoder
    net.check(x)
    x = run(_encoding(encoder), x, _room(net, side), wrap)
    moments = encoder.conv_out(normed_silu(encoder.norm_out, encoder.mid(x)))
    return net.posterior(moments)


def _room(net: Autoencoder, side: int) -> int:
    return max(net.geometry.channels[:2]) * side * side


def _resnet(block: Resnet, x: Tensor) -> Walk:
    """`block`, which takes no time here."""
    h = block.conv1((yield block.norm1, x))
    h = block.conv2((yield block.norm2, h))
    return h + (x if block.shortcut is None else block.shortcut(x))


def _blocks(level: UpLevel | DownLevel) -> list[Resnet]:
    return [block for block in level.resnets if isinstance(block, Resnet)]


def _decoding(decoder: Decoder) -> list[Stage]:
    """One stage a level: twice the size of the level before, then its residual blocks; at the last level the end."""
    stages: list[Stage] = []
    before: nn.Conv2d | None = None
    for level in decoder.up:
        assert isinstance(level, UpLevel)
        blocks = _blocks(level)
        wide, narrow = blocks[0].conv1.in_channels, blocks[0].conv1.out_channels
        last = level.upsample is None
        stages.append(
            Stage(
                partial(_up, level=level, grow=before, end=decoder if last else None),
                channels=max(wide, narrow),
                made=narrow,
                after=2 * len(blocks) + (before is not None) + last,
                scale=Fraction(1 if before is None else 2),
            )
        )
        before = level.upsample
    return stages


def _up(x: Tensor, level: UpLevel, grow: nn.Conv2d | None, end: Decoder | None) -> Walk:
    if grow is not None:
        x = upsampled(x, grow, (2 * x.shape[-2], 2 * x.shape[-1]))
    for block in _blocks(level):
        x = yield from _resnet(block, x)
    return x if end is None else end.conv_out((yield end.norm_out, x))


def _encoding(encoder: Encoder) -> list[Stage]:
    """One stage a level: its residual blocks, then half the size; at the first level the beginning in front."""
    stages: list[Stage] = []
    for place, level in enumerate(encoder.down):
        assert isinstance(level, DownLevel)
        blocks = _blocks(level)
        wide, narrow = blocks[0].conv1.in_channels, blocks[0].conv1.out_channels
        halves = level.downsample is not None
        stages.append(
            Stage(
                partial(_down, level=level, begin=None if place else encoder),
                channels=max(wide, narrow),
                made=narrow,
                # A halving convolution sees two rows below the one that it is at.
                before=2 * len(blocks) + (place == 0) + 2 * halves,
                scale=Fraction(1, 2 if halves else 1),
            )
        )
    return stages


def _down(x: Tensor, level: DownLevel, begin: Encoder | None) -> Walk:
    if begin is not None:
        x = begin.conv_in(x)
    for block in _blocks(level):
        x = yield from _resnet(block, x)
    return level.halved(x)
