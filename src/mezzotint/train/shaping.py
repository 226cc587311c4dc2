"""Shapes an autoencoder before and after its training: an even start, and latents of unit variance.

Takes an Autoencoder and changes its weights in place. Knows no data and no loop.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mezzotint.nets.autoencoder import Autoencoder, MidAttention
from mezzotint.nets.layers import Resnet
from mezzotint.train.typed import named_modules
from mezzotint.values.errors import BadValue


@torch.no_grad()
def narrow(network: Autoencoder, logvar: float) -> None:
    """Let a fresh network answer the constant log-variance `logvar` for every picture."""
    last = network.encoder.conv_out if network.quant is None else network.quant
    if last.bias is None:
        raise BadValue("geometry", "the last convolution has no bias", "use the autoencoder of nets")
    half = last.out_channels // 2
    last.weight[half:].zero_()
    last.bias[half:].fill_(logvar)


@torch.no_grad()
def even_start(network: Autoencoder) -> None:
    """Let a fresh network begin as a nearly linear map that keeps the colours of its input.

    Residual branches begin at zero, changes of width keep lengths, changes of size average and repeat. From
    torch's own start the absolute colour is lost among fresh branches and takes a thousand steps to come back.
    """
    for name, module in named_modules(network):
        if isinstance(module, Resnet):
            _silence(module.conv2)
            if isinstance(module.shortcut, nn.Conv2d):
                _plain(module.shortcut, nn.init.orthogonal_)
        elif isinstance(module, MidAttention):
            _silence(module.out)
        elif isinstance(module, nn.Conv2d) and name.endswith("upsample"):
            _plain(module, nn.init.dirac_)
        elif isinstance(module, nn.Conv2d) and name.endswith("downsample"):
            _plain(module, _averaging)
        elif isinstance(module, nn.Conv2d) and name.endswith(("encoder.conv_in", "decoder.conv_in")):
            _plain(module, _even)


def _silence(layer: nn.Conv2d | nn.Linear) -> None:
    layer.weight.zero_()
    if layer.bias is not None:
        layer.bias.zero_()


def _plain(conv: nn.Conv2d, fill: Callable[[Tensor], Tensor]) -> None:
    fill(conv.weight)
    if conv.bias is not None:
        conv.bias.zero_()


def _averaging(weight: Tensor) -> Tensor:
    channels = torch.arange(weight.shape[0])
    weight.zero_()
    weight[channels, channels] = 1 / (weight.shape[2] * weight.shape[3])
    return weight


def _even(weight: Tensor) -> Tensor:
    return weight.normal_(std=weight[0].numel() ** -0.5)


@torch.no_grad()
def standardise(network: Autoencoder, mean: Tensor, std: Tensor) -> None:
    """Fold a change of latents, (z - mean) / std for each channel (both `L`), into the 1x1 convolutions.

    Pictures decode as before, to rounding. Raises BadValue for a geometry without those convolutions.
    """
    quant, post = network.quant, network.post_quant
    if quant is None or post is None or quant.bias is None or post.bias is None:
        raise BadValue(
            "geometry", "latents cannot be standardised without quant convolutions", "train with quant=True"
        )
    count = len(mean)
    quant.weight[:count] /= std[:, None, None, None]
    quant.bias[:count] = (quant.bias[:count] - mean) / std
    quant.bias[count:] -= 2 * std.log()
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= std[None, :, None, None]
