"""The linear probe against its normal equations, and on data it can and cannot tell apart."""

import pytest
import torch
from torch.nn import functional as F

from mezzotint.evaluate.probe import fit
from mezzotint.values.errors import BadValue


def _clusters(spread: float, seed: int = 0) -> tuple[torch.Tensor, list[str]]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(4, 32, generator=torch.Generator().manual_seed(7))
    labels = [index % 4 for index in range(40)]
    noise = torch.randn(40, 32, generator=generator) * spread
    return centres[labels] + noise, [f"thing {label}" for label in labels]


def test_weights_solve_the_ridge_problem() -> None:
    features, labels = _clusters(0.5)
    probe = fit(features, labels, ridge=0.1)
    x = F.pad(F.normalize(features.double(), dim=1), (0, 1), value=1.0)
    wanted = F.one_hot(torch.tensor([int(label[-1]) for label in labels]), 4).double()
    direct = torch.linalg.solve(x.T @ x + 0.1 * torch.eye(33), x.T @ wanted)
    assert torch.allclose(probe.weights, direct, atol=1e-9)


def test_separate_clusters_are_told_apart_and_noise_is_not() -> None:
    features, labels = _clusters(0.2)
    fresh, fresh_labels = _clusters(0.2, seed=1)
    assert fit(features, labels).accuracy(fresh, fresh_labels) == 1.0
    noise = torch.randn(40, 32, generator=torch.Generator().manual_seed(3))
    assert fit(features, labels).accuracy(noise, fresh_labels) < 0.6


def test_an_unknown_label_counts_as_wrong() -> None:
    features, labels = _clusters(0.2)
    assert fit(features, labels).accuracy(features[:2], ["thing 0", "a unicorn"]) == 0.5


@pytest.mark.parametrize("labels", [[], ["a"]])
def test_missing_labels_are_refused(labels: list[str]) -> None:
    with pytest.raises(BadValue, match="label"):
        fit(torch.zeros(2 if labels else 0, 3), labels)
