"""The digest: what changes it, what does not, and that it stays what it was."""

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
