"""The kinds of networks that follow hints: how each begins beside a base, adds to it, and comes back.

Takes a base's UNet and the settings of a run; gives networks. Trains nothing.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.t2i_adapter import AdapterGeometry, AdapterResnet, T2IAdapter
from mezzotint.nets.unet import UNet, UNetGeometry

Network = ControlNet | T2IAdapter
SILU_GAIN = 1.75
"""SiLU weakens what goes through it; weights this much larger keep hints at about their strength through all layers."""
QUIET = 0.2
"""How strong the features of a fresh adapter are; those of the embedded model have a deviation of about 1."""


@dataclass(frozen=True)
class Sizes:
    """What can be chosen of a network. Of a ControlNet: transformers at the levels of `attention` (none given: where
    the base has them), and `widths` from the hint's pixels to latent size. Of an adapter: `layers` residual blocks a
    level."""

    attention: tuple[bool, ...] = ()
    widths: tuple[int, ...] = (16, 32, 64, 96)
    layers: int = 2


def controlnet_geometry(sizes: Sizes, base: UNetGeometry) -> ControlNetGeometry:
    """The ControlNet of these `sizes` beside `base`."""
    attention = sizes.attention or base.attention
    return ControlNetGeometry(dataclasses.replace(base, attention=attention), sizes.widths)


def begun(geometry: ControlNetGeometry, base: UNet) -> ControlNet:
    """A fresh ControlNet whose way down is that of `base` (Zhang et al. 2023, section 3.1); it adds nothing yet.

    The features of the hint are not zero as in the paper, and they keep their strength on the way: behind small
    weights and two layers of zeros in a row, thousands of steps pass before a hint is seen at all.
    """
    network, theirs = ControlNet(geometry), base.state_dict()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name in theirs:
                tensor.copy_(theirs[name])
        for conv in network.hint:
            assert isinstance(conv, nn.Conv2d)
            _scaled(conv, SILU_GAIN)
    return network


def adapter_geometry(sizes: Sizes, base: UNetGeometry, factor: int) -> AdapterGeometry:
    """The T2I-Adapter of these `sizes` for all levels of `base`, for hints of one plane and `factor` pixels for each of
    the latent."""
    halved = tuple(level > 0 for level in range(len(base.channels)))
    return AdapterGeometry(base.channels, halved, sizes.layers, factor, pixels=1)


def begun_adapter(geometry: AdapterGeometry) -> T2IAdapter:
    """A fresh T2I-Adapter whose residual blocks pass on what they are given, and whose features are weak: they cannot
    be silent, because those of a level are made of those of the level before (Mou et al. 2023 begin at torch's)."""
    network = T2IAdapter(geometry)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                _scaled(module, 1.0)
        for module in network.modules():
            if isinstance(module, AdapterResnet):
                module.conv2.weight.zero_()
        if network.conv_in is not None:
            network.conv_in.weight.mul_(QUIET)
    return network


def _scaled(conv: nn.Conv2d, gain: float) -> None:
    nn.init.normal_(conv.weight, std=gain * conv.weight[0].numel() ** -0.5)
    if conv.bias is not None:
        conv.bias.zero_()


def _controlnet(sizes: Sizes, base: UNet, factor: int) -> Network:
    return begun(controlnet_geometry(sizes, base.geometry), base)


def _adapter(sizes: Sizes, base: UNet, factor: int) -> Network:
    return begun_adapter(adapter_geometry(sizes, base.geometry, factor))


@dataclass(frozen=True)
class Kind:
    """`begin` makes a fresh network beside a UNet whose latents have `factor` pixels a side; `again` makes one of a
    geometry in JSON."""

    begin: Callable[[Sizes, UNet, int], Network]
    again: Callable[[Any], Network]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "controlnet": Kind(
            _controlnet, lambda said: ControlNet(TypeAdapter(ControlNetGeometry).validate_python(said))
        ),
        "adapter": Kind(
            _adapter, lambda said: T2IAdapter(TypeAdapter(AdapterGeometry).validate_python(said))
        ),
    }
)
"""The kinds by name."""


def geometry_of(network: Network) -> ControlNetGeometry | AdapterGeometry:
    """The sizes of a network, `pixels` of its hint among them."""
    return network.control if isinstance(network, ControlNet) else network.geometry


def added(
    network: Network,
    unet: UNetGeometry,
    x: Tensor,
    t: Tensor,
    cond: Conditioning,
    hint: Tensor,
    scale: Tensor,
) -> Inject:
    """What `network` adds to a call of `unet`; `hint` B P H W in 0..1, `scale` () or B."""
    if isinstance(network, ControlNet):
        return network(x, t, cond, hint, scale)
    return network(hint, unet, scale)
