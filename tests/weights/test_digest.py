"""The digest: what changes it, what does not, and that it stays what it was."""

import os
from collections.abc import Iterator, Mapping
from weakref import WeakSet

import torch

from mezzotint.weights.digest import digest


def base() -> dict[str, torch.Tensor]:
    return {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(1, dtype=torch.int64)}


def test_the_digest_depends_on_names_types_shapes_and_bytes_only() -> None:
    same = {
        "b": torch.tensor(1),
        "a": torch.arange(6.0).view(3, 2).t().contiguous().t().contiguous().view(2, 3),
    }
    same["a"] = torch.arange(12.0)[:6].view(2, 3)
    assert digest(base()) == digest(same) and len(digest(base())) == 64
    others = [
        {**base(), "a": base()["a"].view(3, 2)},
        {**base(), "a": base()["a"] + 1e-7},
        {**base(), "b": base()["b"].to(torch.int32)},
        {"c": base()["a"], "b": base()["b"]},
        {"a": base()["a"]},
        {},
    ]
    assert len({digest(other) for other in [base(), *others]}) == 7


def test_the_digest_is_the_one_written_down() -> None:
    assert digest({"a": torch.zeros(2)}) == DIGEST


DIGEST = "6c9e34b0a2266ae9005c9c983667276cb59b429fe7bc4392dc98cbd62c5f5d61"


class Made(Mapping[str, torch.Tensor]):
    """Tensors that are made as they are looked up; `alive` counts those that somebody still holds, at each look."""

    def __init__(self) -> None:
        self.held = WeakSet[torch.Tensor]()
        self.alive: list[int] = []

    def __getitem__(self, name: str) -> torch.Tensor:
        made = torch.full((4,), float(name))
        self.alive.append(len(self.held))
        self.held.add(made)
        return made

    def __iter__(self) -> Iterator[str]:
        return (f"{number:04}" for number in range(len(self)))

    def __len__(self) -> int:
        return 10 * (os.cpu_count() or 1)


def test_only_a_few_tensors_are_held_at_a_time() -> None:
    made = Made()
    at_once = {name: made[name] for name in made}
    assert len(made.alive) == made.alive[-1] + 1 == len(made), "those that are kept are counted"
    passing = Made()
    assert digest(passing) == digest(at_once)
    assert len(passing.alive) == len(passing) and max(passing.alive) <= 2 * (os.cpu_count() or 1)
