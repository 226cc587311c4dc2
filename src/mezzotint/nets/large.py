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


def _blocks(level: UpLevel | DownLevel) -> list[Resnet]:
    return [block for block in level.resnets if isinstance(block, Resnet)]


def _decoding(decoder: Decoder) -> list[Stage]:
    """One stage a residual block, the first of a level with the doubling before it; then the end."""
    stages: list[Stage] = []
    doubling: nn.Conv2d | None = None
    for level in decoder.up:
        assert isinstance(level, UpLevel)
        for block in _blocks(level):
            first = doubling is not None
            stages.append(
                Stage(
                    partial(_doubled_block, block=block, doubling=doubling),
                    channels=max(block.conv1.in_channels, block.conv1.out_channels),
                    made=block.conv1.out_channels,
                    after=2 + first,
                    scale=Fraction(1 + first),
                )
            )
            doubling = None
        doubling = level.upsample
    end = decoder.conv_out
    return [*stages, Stage(partial(_end, decoder=decoder), end.in_channels, end.out_channels, after=1)]


def _encoding(encoder: Encoder) -> list[Stage]:
    """One stage a residual block, the first with the beginning before it, the last of a level with the halving."""
    stages: list[Stage] = []
    begin: nn.Conv2d | None = encoder.conv_in
    for level in encoder.down:
        assert isinstance(level, DownLevel)
        blocks = _blocks(level)
        for block in blocks:
            halves = level.downsample is not None and block is blocks[-1]
            stages.append(
                Stage(
                    partial(_halved_block, block=block, begin=begin, level=level if halves else None),
                    channels=max(block.conv1.in_channels, block.conv1.out_channels),
                    made=block.conv1.out_channels,
                    # A halving convolution sees two rows below the one that it is at.
                    before=2 + (begin is not None) + 2 * halves,
                    scale=Fraction(1, 1 + halves),
                )
            )
            begin = None
    return stages


def _doubled_block(x: Tensor, block: Resnet, doubling: nn.Conv2d | None) -> Walk:
    if doubling is not None:
        x = upsampled(x, doubling, (2 * x.shape[-2], 2 * x.shape[-1]))
    return (yield from _block(x, block))


def _halved_block(x: Tensor, block: Resnet, begin: nn.Conv2d | None, level: DownLevel | None) -> Walk:
    x = yield from _block(x if begin is None else begin(x), block)
    return x if level is None else level.halved(x)


def _block(x: Tensor, block: Resnet) -> Walk:
    h = block.conv1((yield block.norm1, x))
    h = block.conv2((yield block.norm2, h))
    return h + (x if block.shortcut is None else block.shortcut(x))


def _end(x: Tensor, decoder: Decoder) -> Walk:
    return decoder.conv_out((yield decoder.norm_out, x))
