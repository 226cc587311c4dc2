"""The small layers that the convolutional networks share: residual block, resampling, time embedding.

Takes and gives tensors; knows no network, no geometry and no files.

Shapes: B batch, C channels, H W rows and columns, T tokens, E width of the time embedding.
"""

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Module = TypeVar("Module", bound=nn.Module)


def zeroed(module: Module) -> Module:
    """The same module with all parameters set to zero: a branch that starts as the identity when trained."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """A 3x3 convolution that keeps H and W."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


def conv1(channels_in: int, channels_out: int) -> nn.Conv2d:
    """A 1x1 convolution: one linear map for every pixel."""
    return nn.Conv2d(channels_in, channels_out, 1)


class GroupNorm(nn.GroupNorm):
    """torch's, also where a group holds a single value, as at the bottom of a small network that draws a small picture:
    torch's module refuses that, though its mean and variance are well defined."""

    def forward(self, input: Tensor) -> Tensor:
        """B C H W -> B C H W."""
        return torch.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)


def normed_silu(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """SiLU of the group norm: B C H W -> B C H W. Without gradients the norm's own result is overwritten,
    which spares a buffer and its memory traffic (0.95 of the time of a whole decode on a CPU)."""
    return F.silu(norm(x), inplace=not torch.is_grad_enabled())


def time_embedding(t: Tensor, width: int) -> Tensor:
    """Sinusoids of the time: `t` B of any dtype -> B width float32, cosines first, frequencies 1 .. 1/10000.

    Formula: Ho et al. 2020 (DDPM), in the order and without the frequency shift of Stable Diffusion
    (ldm/modules/diffusionmodules/util.py, timestep_embedding). `width` is even.
    """
    half = width // 2
    ramp = torch.arange(half, dtype=torch.float32, device=t.device)
    angles = t.float()[:, None] * torch.exp(ramp * (-math.log(10000.0)) / half)
    return torch.cat([torch.cos(angles), torch.sin(angles)], dim=-1)


def to_tokens(x: Tensor) -> Tensor:
    """B C H W -> B T C with T = H*W in row order; a view when `x` is channels_last."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


def to_planes(tokens: Tensor, height: int, width: int) -> Tensor:
    """B T C -> B C H W, a channels_last view; the inverse of `to_tokens`."""
    return tokens.reshape(tokens.shape[0], height, width, -1).permute(0, 3, 1, 2)


class Resnet(nn.Module):
    """Residual block: norm, SiLU, 3x3 convolution, twice, around a shortcut (He et al. 2016, pre-activation).

    `time` is the width E of the time embedding, or None for a block that takes none (autoencoder). The second
    convolution starts at zero, so a fresh block is its shortcut.
    """

    def __init__(
        self, channels_in: int, channels_out: int, *, groups: int, eps: float, time: int | None
    ) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, channels_in, eps=eps)
        self.conv1 = conv3(channels_in, channels_out)
        self.time = nn.Linear(time, channels_out) if time is not None else None
        self.norm2 = GroupNorm(groups, channels_out, eps=eps)
        self.conv2 = zeroed(conv3(channels_out, channels_out))
        self.shortcut = conv1(channels_in, channels_out) if channels_in != channels_out else None

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """`x` B C H W and `time` B E, already through its SiLU -> B C' H W."""
        h = self.conv1(normed_silu(self.norm1, x))
        if self.time is not None and time is not None:
            h = h + self.time(time)[:, :, None, None]
        h = self.conv2(normed_silu(self.norm2, h))
        return h + (x if self.shortcut is None else self.shortcut(x))


def upsampled(x: Tensor, conv: nn.Conv2d, size: tuple[int, int]) -> Tensor:
    """Nearest neighbour to `size` (H, W), then the 3x3 convolution: B C H0 W0 -> B C' H W."""
    return conv(F.interpolate(x, size=size, mode="nearest"))
