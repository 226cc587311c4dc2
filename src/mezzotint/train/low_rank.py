"""Lets a network learn a small change of its weights instead of new ones.

Takes a network; its matrices and convolutions become what they were plus a product of two thin matrices (LoRA, Hu et
al. 2021), and everything small learns as it is. Gives the change in the form in which it is stored. Knows no task.

A change is tensors by name: `<name>.up` O R and `<name>.down` R (I kh kw) for what is added to the weight `<name>`, or
a whole tensor under its own name, which takes its place.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mezzotint.train.typed import named_modules

PLACE = ".parametrizations.weight."


class LowRank(nn.Module):
    """Adds `up` O R times `down` R I to a weight; at first nothing."""

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape[0], weight[0].numel()
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.down = nn.Parameter(torch.randn(rank, columns) * columns**-0.5)

    def forward(self, weight: Tensor) -> Tensor:
        """The changed weight."""
        return weight + (self.up @ self.down).view_as(weight)


def thinned(network: nn.Module, rank: int, whole: frozenset[str] = frozenset()) -> None:
    """Let `network` learn in place: low-rank changes of rank `rank` for weights with more than one axis, except those
    that are so small that a change would be larger and those named in `whole`, which learn as they are."""
    for name, module in list(named_modules(network)):
        weight = getattr(module, "weight", None)
        if not isinstance(module, nn.Conv2d | nn.Linear) or not isinstance(weight, Tensor):
            continue
        if f"{name}.weight" in whole or rank * (len(weight) + weight[0].numel()) >= weight.numel():
            continue
        weight.requires_grad_(False)
        parametrize.register_parametrization(module, "weight", LowRank(weight, rank))


def change(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a thinned network -> what differs from the network it was made of."""
    learned: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if f"{PLACE}0." in name:
            learned[name.replace(f"{PLACE}0.", ".weight.")] = tensor
        elif not name.endswith(f"{PLACE}original"):
            learned[name] = tensor
    return learned
