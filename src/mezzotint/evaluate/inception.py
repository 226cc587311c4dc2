"""The Inception network of the Frechet distance (FID) as a plain module.

Takes pictures in 0..1 and gives their 2048 pooled features. The network is the one of TensorFlow's graph
`inception-2015-12-05`, from which every published FID is computed; its parameters keep the names of that graph.
It knows no file: `torchscript.py` beside it reads them.

Shape legend: B pictures, C channels, H W height and width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 2048
SIDE = 299
_ONE, _THREE, _FIVE, _ROW, _COLUMN = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


class Convolution(nn.Module):
    """Convolution without bias, batch normalisation without gain (as the graph has it), ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, pad: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, *kernel))
        self.beta = nn.Parameter(torch.zeros(outputs))
        self.mean = nn.Parameter(torch.zeros(outputs))
        self.var = nn.Parameter(torch.ones(outputs))
        self.stride = stride
        self.padding = (kernel[0] // 2, kernel[1] // 2) if pad else (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        """`B C H W` to `B outputs H' W'`."""
        x = F.conv2d(x, self.weight, None, self.stride, self.padding)
        return F.relu(F.batch_norm(x, self.mean, self.var, None, self.beta, False, 0.0, 1e-3))


Shape = tuple[int, tuple[int, int]]
"""Output channels and kernel of one convolution."""


def _tower(inputs: int, shapes: Sequence[Shape], last_stride: int = 1) -> nn.Sequential:
    tower = nn.Sequential()
    for n, (outputs, kernel) in enumerate(shapes):
        last = n == len(shapes) - 1
        strided = last and last_stride > 1
        layer = Convolution(inputs, outputs, kernel, last_stride if last else 1, pad=not strided)
        tower.add_module("conv" if n == 0 else f"conv_{n}", layer)
        inputs = outputs
    return tower


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class Mixed(nn.Module):
    """Parallel towers whose outputs are joined: the graph's blocks with one convolution, two towers, a pool."""

    def __init__(
        self, inputs: int, conv: Shape, tower: Sequence[Shape], tower_1: Sequence[Shape], pooled: int
    ) -> None:
        super().__init__()
        self.conv = Convolution(inputs, *conv)
        self.tower = _tower(inputs, tower)
        self.tower_1 = _tower(inputs, tower_1)
        self.tower_2 = _tower(inputs, [(pooled, _ONE)])

    def forward(self, x: Tensor) -> Tensor:
        """`B C H W` to `B C' H W`."""
        return torch.cat([self.conv(x), self.tower(x), self.tower_1(x), self.tower_2(_average(x))], 1)


class Shrink(nn.Module):
    """The two blocks that halve the side: strided towers beside a strided maximum."""

    def __init__(self, inputs: int, conv: Shape | None, towers: Sequence[Sequence[Shape]]) -> None:
        super().__init__()
        self.conv = None if conv is None else Convolution(inputs, *conv, stride=2, pad=False)
        for n, shapes in enumerate(towers):
            self.add_module("tower" if n == 0 else f"tower_{n}", _tower(inputs, shapes, last_stride=2))

    def forward(self, x: Tensor) -> Tensor:
        """`B C H W` to `B C' H/2 W/2`."""
        return torch.cat([*(block(x) for block in self.children()), F.max_pool2d(x, 3, 2)], 1)


class Spread(nn.Module):
    """The last two blocks, whose towers fan out into a row and a column kernel."""

    def __init__(self, inputs: int, maximum: bool) -> None:
        super().__init__()
        row, column = (1, 3), (3, 1)
        self.conv = Convolution(inputs, 320, _ONE)
        self.tower_conv = Convolution(inputs, 384, _ONE)
        self.tower_mixed_conv = Convolution(384, 384, row)
        self.tower_mixed_conv_1 = Convolution(384, 384, column)
        self.tower_1_conv = Convolution(inputs, 448, _ONE)
        self.tower_1_conv_1 = Convolution(448, 384, _THREE)
        self.tower_1_mixed_conv = Convolution(384, 384, row)
        self.tower_1_mixed_conv_1 = Convolution(384, 384, column)
        self.tower_2_conv = Convolution(inputs, 192, _ONE)
        # The graph of 2015 pools by maximum in its very last block; later re-implementations average there.
        self.maximum = maximum

    def forward(self, x: Tensor) -> Tensor:
        """`B C H W` to `B 2048 H W`."""
        pooled = F.max_pool2d(x, 3, 1, 1) if self.maximum else _average(x)
        a = self.tower_conv(x)
        b = self.tower_1_conv_1(self.tower_1_conv(x))
        fans = [self.tower_mixed_conv(a), self.tower_mixed_conv_1(a)]
        fans += [self.tower_1_mixed_conv(b), self.tower_1_mixed_conv_1(b)]
        return torch.cat([self.conv(x), *fans, self.tower_2_conv(pooled)], 1)


def _wide(inputs: int, pooled: int) -> Mixed:
    return Mixed(
        inputs, (64, _ONE), [(48, _ONE), (64, _FIVE)], [(64, _ONE), (96, _THREE), (96, _THREE)], pooled
    )


def _factored(c: int) -> Mixed:
    return Mixed(
        768,
        (192, _ONE),
        [(c, _ONE), (c, _ROW), (192, _COLUMN)],
        [(c, _ONE), (c, _COLUMN), (c, _ROW), (c, _COLUMN), (192, _ROW)],
        192,
    )


class Inception(nn.Module):
    """Pictures to features (Szegedy et al., arXiv 1512.00567, as released in TensorFlow in December 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleDict(
            {
                "conv": Convolution(3, 32, _THREE, 2, pad=False),
                "conv_1": Convolution(32, 32, _THREE, pad=False),
                "conv_2": Convolution(32, 64, _THREE),
                "conv_3": Convolution(64, 80, _ONE),
                "conv_4": Convolution(80, 192, _THREE, pad=False),
                "mixed": _wide(192, 32),
                "mixed_1": _wide(256, 64),
                "mixed_2": _wide(288, 64),
                "mixed_3": Shrink(288, (384, _THREE), [[(64, _ONE), (96, _THREE), (96, _THREE)]]),
                "mixed_4": _factored(128),
                "mixed_5": _factored(160),
                "mixed_6": _factored(160),
                "mixed_7": _factored(192),
                "mixed_8": Shrink(
                    768,
                    None,
                    [
                        [(192, _ONE), (320, _THREE)],
                        [(192, _ONE), (192, _ROW), (192, _COLUMN), (192, _THREE)],
                    ],
                ),
                "mixed_9": Spread(1280, maximum=False),
                "mixed_10": Spread(2048, maximum=True),
            }
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Features `B 2048` of pictures `B 3 H W` in 0..1, float32.

        They are resized to 299 x 299 (bilinear, half-pixel centres) and moved to the graph's range, (v - 128) / 128.
        """
        x = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", align_corners=False)
        return self.features((x * 255 - 128) / 128)

    def features(self, x: Tensor) -> Tensor:
        """Features `B 2048` of prepared pictures `B 3 299 299` in the graph's range."""
        for name, layer in self.layers.items():
            x = layer(x)
            if name in ("conv_2", "conv_4"):
                x = F.max_pool2d(x, 3, 2)
        return x.mean((2, 3))
