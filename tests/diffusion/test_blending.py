"""Mixed and pasted noise: ends, variance, angles, and every way that two sizes can lie."""

import pytest
import torch

from mezzotint.diffusion.blending import pasted, slerp


def noise(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


A, B = noise(1, 4, 64, 48), noise(2, 4, 64, 48)


def test_the_ends_are_the_two_noises():
    assert torch.allclose(slerp(A, B, 0.0), A, atol=1e-6)
    assert torch.allclose(slerp(A, B, 1.0), B, atol=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_variance_stays_where_a_mean_would_lose_it(share):
    assert float(slerp(A, B, share).std()) == pytest.approx(1, abs=0.02)
    assert float(torch.lerp(A, B, 0.5).std()) == pytest.approx(0.5**0.5, abs=0.02)


def test_orthogonal_vectors_give_the_closed_form():
    a, b = torch.zeros(1, 2, 1), torch.zeros(1, 2, 1)
    a[0, 0, 0], b[0, 1, 0] = 3, 5
    angle = torch.tensor(0.3 * torch.pi / 2)
    assert torch.allclose(slerp(a, b, 0.3).flatten(), torch.stack([3 * angle.cos(), 5 * angle.sin()]))


def test_each_column_of_each_channel_turns_by_itself():
    mixed = slerp(A, B, 0.3)
    assert torch.allclose(slerp(A[1:2, :, 5:6], B[1:2, :, 5:6], 0.3), mixed[1:2, :, 5:6], atol=1e-6)
    turned = slerp(A.transpose(1, 2), B.transpose(1, 2), 0.3).transpose(1, 2)
    assert not torch.allclose(turned, mixed, atol=1e-2)


def test_equal_noise_stays_what_it_is():
    assert torch.equal(slerp(A, A.clone(), 0.3), A)


def test_a_row_of_numbers_without_angles_is_mixed_along_lines():
    a, b = noise(1, 4, 1, 8), noise(2, 4, 1, 8)
    assert torch.allclose(slerp(a, b, 0.25), 0.75 * a + 0.25 * b, atol=1e-6)


@pytest.mark.parametrize(
    ("inner", "outer", "into", "of"),
    [
        ((4, 4), (8, 6), (2, 1), (0, 0)),
        ((8, 6), (4, 4), (0, 0), (2, 1)),
        ((4, 8), (6, 6), (1, 0), (0, 1)),
        ((3, 3), (6, 6), (1, 1), (0, 0)),
        ((8, 8), (5, 5), (0, 0), (2, 2)),
    ],
)
def test_noise_lies_in_the_middle(inner, outer, into, of):
    small, ground = noise(1, 2, *inner), noise(2, 2, *outer)
    made = pasted(small, ground)
    span = [min(inner[i] - 2 * of[i], outer[i]) for i in (0, 1)]
    inside = (slice(None), slice(into[0], into[0] + span[0]), slice(into[1], into[1] + span[1]))
    assert torch.equal(made[inside], small[:, of[0] : of[0] + span[0], of[1] : of[1] + span[1]])
    outside = torch.ones_like(made, dtype=torch.bool)
    outside[inside] = False
    assert torch.equal(made[outside], ground[outside])
    assert torch.equal(ground, noise(2, 2, *outer))
