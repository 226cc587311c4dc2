"""One Brownian path per image: normal, consistent over nested stretches, and the image's own."""

import math

import pytest
import torch
from torch import Tensor

from diffusion.toys import PATH
from mezzotint.diffusion.brownian import BrownianNoise
from mezzotint.diffusion.path import Level, Rectified

SHAPE = (4, 16, 16)


def at(sigma: float) -> Level:
    return PATH.level(torch.tensor(sigma, dtype=torch.float64))


def way(noise: BrownianNoise, a: float, b: float) -> Tensor:
    """The path's own increment: the unit noise times its spread."""
    return noise(at(a), at(b), "step").double() * math.sqrt(b**-2 - a**-2)


def test_the_noise_of_a_stretch_is_that_of_its_parts() -> None:
    noise = BrownianNoise([1, 2], SHAPE)
    for a, b, c in ((14.6, 3.0, 0.7), (1.05, 1.0, 0.95), (2.0, 1.0, 0.5), (5e6, 14.0, 0.03)):
        whole = way(noise, a, c)
        assert torch.allclose(
            way(noise, a, b) + way(noise, b, c), whole, atol=1e-5 * float(whole.abs().max())
        )
        assert not torch.allclose(way(noise, a, b), whole, atol=1e-2 * float(whole.abs().max()))


def test_it_is_unit_normal_and_new_on_every_stretch() -> None:
    noise = BrownianNoise([3], (4, 64, 64))
    parts = [
        noise(at(a), at(b), "step").flatten() for a, b in ((14.6, 5.0), (5.0, 4.9), (4.9, 0.3), (0.3, 0.1))
    ]
    for part in parts:
        assert part.dtype == torch.float32
        assert float(part.mean()) == pytest.approx(0, abs=5 / len(part) ** 0.5)
        assert float(part.std()) == pytest.approx(1, abs=5 / (2 * len(part)) ** 0.5)
    shared = torch.corrcoef(torch.stack(parts)) - torch.eye(len(parts))
    assert float(shared.abs().max()) < 5 / len(parts[0]) ** 0.5


def test_an_image_has_its_own_path_whatever_was_asked_before() -> None:
    alone = BrownianNoise([7], SHAPE)(at(9.0), at(2.0), "step")
    both = BrownianNoise([5, 7], SHAPE)
    both(at(14.0), at(3.0), "step")
    found = both(at(9.0), at(2.0), "other")
    assert torch.equal(found[1], alone[0])
    assert not torch.equal(found[0], alone[0])


@pytest.mark.parametrize(("a", "b"), [(1.0, 0.5), (0.5, 0.0), (1.0, 0.0)])
def test_both_ends_of_the_way_are_finite(a: float, b: float) -> None:
    path = Rectified(3.0)
    ends = [path.level(torch.tensor(s, dtype=torch.float64)) for s in (a, b)]
    found = BrownianNoise([1], SHAPE)(*ends, "step")
    assert bool(found.isfinite().all())
    assert float(found.std()) == pytest.approx(1, abs=0.2)


def test_every_image_may_have_its_own_levels() -> None:
    levels = [
        PATH.level(torch.tensor(s, dtype=torch.float64).reshape(-1, 1, 1, 1))
        for s in ([9.0, 5.0], [2.0, 1.0])
    ]
    found = BrownianNoise([1, 2], SHAPE)(*levels, "step")
    assert torch.equal(found[1], BrownianNoise([2], SHAPE)(at(5.0), at(1.0), "step")[0])
