"""Lets a network learn a small change of its weights instead of new ones.

Takes a network; its matrices and convolutions stay, and what two thin ones in a row make of the same input is added to
what they give (LoRA, Hu et al. 2021); everything small learns as it is. Gives the change in the form in which it is
stored. Knows no task.

A change is tensors by name: `<name>.up` O R and `<name>.down` R (I kh kw) for what is added to the weight `<name>`, or
a whole tensor under its own name, which takes its place.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.train.typed import named_modules

SPREAD = 3.0
"""How large `down` begins, in the size that keeps an input's: the larger, the faster `up` changes the whole at one rate
of learning. With 3 and a rank of about 20 a step changes a weight about as much as if it learned itself."""
INNER = ".inner."


class LowRank(nn.Module):
    """A layer that stays, and beside it `down` R (I kh kw) and then `up` O R; at first they add nothing."""

    def __init__(self, inner: nn.Conv2d | nn.Linear, rank: int) -> None:
        super().__init__()
        self.inner = inner
        inner.weight.requires_grad_(False)
        rows, columns = inner.weight.shape[0], inner.weight[0].numel()
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.down = nn.Parameter(torch.randn(rank, columns) * SPREAD * columns**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """What the layer gives, with the change."""
        if isinstance(self.inner, nn.Linear):
            return self.inner(x) + F.linear(F.linear(x, self.down), self.up)
        inner = self.inner
        down = self.down.view(-1, *inner.weight.shape[1:])
        thin = F.conv2d(x, down, None, inner.stride, inner.padding)
        return inner(x) + F.conv2d(thin, self.up[:, :, None, None])


def thinned(network: nn.Module, rank: int, whole: frozenset[str] = frozenset()) -> None:
    """Let `network` learn in place: low-rank changes of rank `rank` for weights with more than one axis, except those
    that are so small that a change would be larger and those named in `whole`, which learn as they are."""
    modules = dict(named_modules(network))
    for name, module in modules.items():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        rows, columns = module.weight.shape[0], module.weight[0].numel()
        if f"{name}.weight" not in whole and rank * (rows + columns) < rows * columns:
            parent, _, own = name.rpartition(".")
            setattr(modules[parent], own, LowRank(module, rank))


def change(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a thinned network -> what differs from the network it was made of."""
    stay = {name.removesuffix("up") + "inner.weight" for name in tensors if name.endswith(".up")}
    thin = {name.removesuffix("inner.weight") for name in stay}
    learned: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        owner, _, own = name.rpartition(".")
        if own in ("up", "down") and f"{owner}." in thin:
            learned[f"{owner}.weight.{own}"] = tensor
        elif name not in stay:
            learned[name.replace(INNER, ".")] = tensor
    return learned
