"""The patch discriminator that keeps reconstructions crisp, with its losses.

Takes pictures, gives a score for each patch; used only while the autoencoder trains. Knows no autoencoder.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST = 1e4
GROUPS = 8


class PatchCritic(nn.Module):
    """A small PatchGAN (Isola et al. 2017; taming-transformers NLayerDiscriminator) with group normalisation, which,
    unlike batch normalisation, scores every picture by itself."""

    def __init__(self, width: int = 32, layers: int = 2) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for index in range(1, layers + 1):
            stride = 2 if index < layers else 1
            wide = width * 2**index
            parts.append(nn.Conv2d(wide // 2, wide, 4, stride=stride, padding=1, bias=False))
            parts += [nn.GroupNorm(GROUPS, wide), nn.LeakyReLU(0.2)]
        parts.append(nn.Conv2d(width * 2**layers, 1, 4, padding=1))
        self.parts = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        """Pictures `B 3 H W` -> scores `B 1 h w`, high for real ones."""
        return self.parts(x)


def hinge(real: Tensor, made: Tensor) -> Tensor:
    """The critic's hinge loss (Lim and Ye 2017)."""
    return 0.5 * (F.relu(1 - real).mean() + F.relu(1 + made).mean())


def balance(wanted: Tensor, against: Tensor, last: Tensor) -> Tensor:
    """How much `against` must weigh to pull as hard as `wanted` at the parameter `last` (Esser et al. 2021, eq. 7)."""
    a = torch.autograd.grad(wanted, last, retain_graph=True)[0]
    b = torch.autograd.grad(against, last, retain_graph=True)[0]
    ratio = a.square().sum().sqrt() / (b.square().sum().sqrt() + 1e-6)
    return ratio.clamp(0, MOST).detach()
