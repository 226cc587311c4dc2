"""The same network for pictures that go on at their edges: what leaves on the right comes back on the left.

Takes a network and the axes that wrap, gives another network with the very same parameters whose convolutions pad with
the opposite edge. The one that was given stays as it is, so another run in between sees nothing of it. Knows no
network.
"""

import copy
from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional as F

Network = TypeVar("Network", bound=nn.Module)


class _Around(nn.Conv2d):
    """A convolution that pads with the opposite edge along the axes that wrap, and with zeros along the other."""

    def __init__(self, conv: nn.Conv2d, axes: str) -> None:
        nn.Module.__init__(self)
        self.__dict__.update(conv.__dict__)
        rows, columns = _sides(conv.padding)
        self.around = (columns if wraps_x(axes) else 0, rows if wraps_y(axes) else 0)
        self.padding = (0 if wraps_y(axes) else rows, 0 if wraps_x(axes) else columns)

    def forward(self, input: Tensor) -> Tensor:
        """B C H W -> B C' H' W', of the size that the convolution without wrapping gives."""
        columns, rows = self.around
        return super().forward(F.pad(input, (columns, columns, rows, rows), mode="circular"))


def wraps_x(axes: str) -> bool:
    """Whether rows go on from the right to the left edge."""
    return axes in ("x", "both")


def wraps_y(axes: str) -> bool:
    """Whether columns go on from the bottom to the top."""
    return axes in ("y", "both")


def wrapped(network: Network, axes: str | None) -> Network:
    """`network` with convolutions that wrap along `axes`: "x", "y" or "both"; None gives the network itself.

    Both have the same parameters and buffers: what is loaded, trained or merged into one is in the other. Padding that
    a network adds by itself, as the encoder of an autoencoder does before it halves, stays zero, as it does for those
    who set `padding_mode="circular"` on every convolution.
    """
    if axes is None:
        return network
    shared = {id(value): value for value in (*network.parameters(), *network.buffers())}
    twin = copy.deepcopy(network, shared)
    for above in twin.modules():
        for name, module in list(above.named_children()):
            if isinstance(module, nn.Conv2d) and any(module.padding):
                above.register_module(name, _Around(module, axes))
    return twin


def _sides(padding: str | tuple[int, ...]) -> tuple[int, int]:
    if isinstance(padding, str):
        raise TypeError(f"a convolution padded as '{padding}' cannot wrap")
    rows, columns = padding
    return rows, columns
