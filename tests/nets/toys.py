"""Toy networks with random weights, for tests of their behaviour."""

import torch

from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry, ClipText
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNet, UNetGeometry

UNET = UNetGeometry(4, 4, (16, 32), 1, (True, False), (2, 4), 12, norm_groups=8)
AUTOENCODER = AutoencoderGeometry((8, 16), 1, 4, norm_groups=4)
CLIP = ClipGeometry(50, 8, 16, 3, 2, 32, "quick_gelu", 12)


def noisy(module: torch.nn.Module, seed: int = 0) -> None:
    """Add noise to every parameter, so that nothing stays at an initial zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)


def unet(geometry: UNetGeometry = UNET) -> UNet:
    """A UNet in eval mode with all weights random."""
    net = UNet(geometry).eval()
    noisy(net)
    return net


def autoencoder() -> Autoencoder:
    """An autoencoder in eval mode with all weights random."""
    net = Autoencoder(AUTOENCODER).eval()
    noisy(net)
    return net


def clip() -> ClipText:
    """A text encoder in eval mode with all weights random."""
    net = ClipText(CLIP).eval()
    noisy(net)
    return net


def inputs(batch: int = 2, size: int = 8) -> tuple[torch.Tensor, torch.Tensor, Conditioning]:
    """A latent, a time each and text states for the toy UNet."""
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(batch, 4, size, size, generator=generator)
    t = torch.randint(0, 1000, (batch,), generator=generator)
    return x, t, Conditioning(torch.randn(batch, 5, 12, generator=generator))


def error(a: torch.Tensor, b: torch.Tensor) -> float:
    """max|a-b| / max|b|."""
    return ((a - b).abs().max() / b.abs().max()).item()
