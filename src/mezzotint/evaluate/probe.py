"""A linear classifier on fixed features: says which of the known things a picture shows.

Takes features `N D` and labels; is fitted in closed form (ridge regression on one-hot targets), so equal data give
equal answers. Knows neither the pictures nor the network that made the features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from mezzotint.values.errors import BadValue


@dataclass(frozen=True)
class Probe:
    """A fitted classifier: `names` in the order of its outputs, `weights` `D + 1, C` in float64."""

    names: tuple[str, ...]
    weights: Tensor

    def scores(self, features: Tensor) -> Tensor:
        """Features `N D` -> one score for each name, `N C`; the largest is the answer."""
        return _prepared(features) @ self.weights

    def named(self, features: Tensor) -> list[str]:
        """The answer for each of `N D`."""
        return [self.names[int(index)] for index in self.scores(features).argmax(1)]

    def accuracy(self, features: Tensor, labels: Sequence[str]) -> float:
        """The part of `N D` whose answer is its label; labels that the probe does not know count as wrong."""
        found = self.named(features)
        return sum(a == b for a, b in zip(found, labels, strict=True)) / max(1, len(found))


def _prepared(features: Tensor) -> Tensor:
    """Unit length, and a constant 1 for the bias."""
    return F.pad(F.normalize(features.double(), dim=1), (0, 1), value=1.0)


def fit(features: Tensor, labels: Sequence[str], ridge: float = 0.03) -> Probe:
    """The ridge classifier of `features` N D; the N x N form is solved, for N is small beside D.

    Raises BadValue when there are not as many labels as features, or none.
    """
    if len(labels) != len(features) or not labels:
        raise BadValue("labels", f"{len(labels)} for {len(features)} pictures", "give one label a picture")
    names = tuple(sorted(set(labels)))
    places = {name: place for place, name in enumerate(names)}
    wanted = F.one_hot(torch.tensor([places[label] for label in labels]), len(names)).double()
    x = _prepared(features)
    gram = x @ x.T + ridge * torch.eye(len(x), dtype=torch.float64)
    solved = cast(Tensor, torch.linalg.solve(gram, wanted))  # pyright: ignore[reportUnknownMemberType]
    return Probe(names, x.T @ solved)
