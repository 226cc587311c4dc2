"""Every algebra of weight adapters against a formula written down another way, and what does not fit."""

import pytest
import torch
from torch import Tensor

from mezzotint.weights.delta import (
    Cayley,
    Channels,
    Delta,
    Factors,
    Full,
    GLoRA,
    Hadamard,
    Kronecker,
    LowRank,
    Magnitude,
    Orthogonal,
    as_stored,
)


def rand(*shape: int) -> Tensor:
    return torch.randn(shape)


def close(got: Tensor, wanted: Tensor) -> None:
    assert got.dtype == torch.float32 and got.shape == wanted.shape
    assert (got.double() - wanted.double()).abs().max() <= 2e-5 * wanted.abs().max()


def test_lora_is_a_sum_of_outer_products() -> None:
    up, down, weight = rand(6, 3), rand(3, 4), rand(6, 4)
    delta = LowRank(Factors(up, down), 0.5)
    assert delta.fits((6, 4)) and not delta.fits((6, 5)) and not delta.fits((4, 6))
    close(delta.change(weight), 0.5 * sum(torch.outer(up[:, r], down[r]) for r in range(3)))


def test_locon_is_one_convolution_after_another() -> None:
    up, down, weight = rand(6, 3, 1, 1), rand(3, 4, 3, 3), rand(6, 4, 3, 3)
    delta = LowRank(Factors(up, down), 2.0)
    assert delta.fits((6, 4, 3, 3))
    x = rand(1, 4, 5, 5).double()
    two = torch.conv2d(torch.conv2d(x, down.double()), up.double()) * 2
    close(torch.conv2d(x, delta.change(weight).double()).float(), two)


def test_locon_with_a_core_is_three_convolutions() -> None:
    up, core, down = rand(6, 3, 1, 1), rand(3, 2, 3, 3), rand(2, 4, 1, 1)
    delta = LowRank(Factors(up, down, core), 1.0)
    assert delta.fits((6, 4, 3, 3)) and not delta.fits((6, 4, 1, 1))
    x = rand(1, 4, 5, 5).double()
    three = torch.conv2d(torch.conv2d(torch.conv2d(x, down.double()), core.double()), up.double())
    close(torch.conv2d(x, delta.change(rand(6, 4, 3, 3)).double()).float(), three)


def test_loha_is_the_product_of_two_loras() -> None:
    a, b, c, d = rand(6, 2), rand(2, 4), rand(6, 2), rand(2, 4)
    delta = Hadamard(Factors(a, b), Factors(c, d), 0.25)
    assert delta.fits((6, 4)) and not delta.fits((6, 3))
    wanted = torch.tensor(
        [
            [
                sum(a[o, r] * b[r, i] for r in range(2)) * sum(c[o, r] * d[r, i] for r in range(2))
                for i in range(4)
            ]
            for o in range(6)
        ]
    )
    close(delta.change(rand(6, 4)), 0.25 * wanted)


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_lokr_is_blocks_of_the_second_scaled_by_the_first(kernel: tuple[int, ...]) -> None:
    first, second = rand(2, 3), rand(4, 5, *kernel)
    delta = Kronecker(first, second, 3.0)
    assert delta.fits((8, 15, *kernel)) and not delta.fits((8, 14, *kernel))
    rows = [torch.cat([first[i, j] * second for j in range(3)], dim=1) for i in range(2)]
    close(delta.change(rand(8, 15, *kernel)), 3 * torch.cat(rows))


def test_lokr_takes_low_rank_parts() -> None:
    a, b, c, d = rand(2, 2), rand(2, 3), rand(4, 2), rand(2, 5 * 9)
    delta = Kronecker(Factors(a, b), Factors(c, d), 1.0)
    whole = Kronecker(a @ b, (c @ d).view(4, 5, 3, 3), 1.0)
    assert delta.fits((8, 15, 3, 3))
    close(delta.change(rand(8, 15, 3, 3)), whole.change(rand(8, 15, 3, 3)))


def test_a_full_difference_is_itself() -> None:
    assert Full(rand(3)).fits((3,)) and Full(rand(3, 2, 1, 1)).fits((3, 2))
    assert not Full(rand(3)).fits((4,)) and not Full(torch.tensor(1.0)).fits((1,))
    difference = rand(3, 2, 1, 1)
    close(Full(difference.half()).change(rand(3, 2)), difference.half().float()[:, :, 0, 0])


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_glora_changes_what_goes_in_and_adds(kernel: tuple[int, ...]) -> None:
    a1, a2, b1, b2 = rand(4, 2), rand(2, 4), rand(6, 2), rand(2, 4, *kernel)
    weight = rand(6, 4, *kernel)
    delta = GLoRA(Factors(a1, a2), Factors(b1, b2), 0.5)
    assert delta.fits(tuple(weight.shape)) and not delta.fits((6, 5, *kernel)) and not delta.fits((6,))
    wanted = (b1 @ b2.flatten(1)).view(weight.shape)
    wanted = wanted + torch.stack(
        [sum(weight[:, i] * (a1 @ a2)[i, j] for i in range(4)) for j in range(4)], dim=1
    )
    close(delta.change(weight), 0.5 * wanted)


def cayley(q: Tensor) -> Tensor:
    one = torch.eye(len(q), dtype=q.dtype)
    return (one + q) @ torch.linalg.inv(one - q)


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_oft_turns_blocks_of_outputs(kernel: tuple[int, ...]) -> None:
    blocks, weight, rescale = rand(3, 4, 4), rand(12, 5, *kernel), rand(12, 1, *(1 for _ in kernel))
    delta = Orthogonal(blocks, rescale=rescale)
    assert (
        delta.fits(tuple(weight.shape)) and not delta.fits((16, 5)) and not Orthogonal(rand(3, 4)).fits((12,))
    )
    turned = torch.zeros_like(weight)
    for n in range(3):
        turn = cayley((blocks[n] - blocks[n].T).double()).float()
        turned[4 * n : 4 * n + 4] = torch.tensordot(turn.T, weight[4 * n : 4 * n + 4], dims=1)
    close(delta.change(weight), rescale * turned - weight)
    kept = Orthogonal(blocks).change(weight) + weight
    close(kept.flatten(1).norm(dim=0), weight.flatten(1).norm(dim=0))


def test_oft_is_held_to_its_constraint() -> None:
    blocks, weight = rand(2, 3, 3), rand(6, 5)
    q = blocks - blocks.transpose(1, 2)
    held = (q * 0.6 / q.norm()).double()
    turn = torch.block_diag(*(cayley(part).T for part in held))
    held_change = Orthogonal(blocks, Cayley(0.1)).change(weight)
    close(held_change, turn.float() @ weight - weight)
    assert (held_change - Orthogonal(blocks).change(weight)).abs().max() > 0.1
    close(Orthogonal(blocks, Cayley(100.0)).change(weight), Orthogonal(blocks).change(weight))


def test_boft_turns_pairs_that_lie_apart_in_stages() -> None:
    blocks, weight = rand(3, 4, 4, 4), rand(16, 5)
    delta = Orthogonal(blocks)
    assert delta.fits((16, 5)) and not delta.fits((8, 5)) and not Orthogonal(rand(1, 2, 3, 3)).fits((6, 5))
    wanted = weight.double()
    for stage in range(3):
        apart = 2**stage * 2
        order = [
            (first + apart * half)
            for start in range(0, 16, 2 * apart)
            for first in range(start, start + apart)
            for half in (0, 1)
        ]
        turn = torch.block_diag(*(cayley((b - b.T).double()) for b in blocks[stage]))
        place = torch.eye(16, dtype=torch.float64)[order]
        wanted = place.T @ turn @ place @ wanted
    close(delta.change(weight), wanted.float() - weight)


def test_turns_may_be_stored_themselves() -> None:
    turns, weight = rand(2, 3, 3), rand(6, 5, 3, 3)
    delta = Orthogonal(turns, as_stored)
    assert delta.fits((6, 5, 3, 3)) and not delta.fits((9, 5))
    change = delta.change(weight)
    close(change, torch.tensordot(torch.block_diag(*turns).T, weight, dims=1) - weight)
    assert (change - Orthogonal(turns).change(weight)).abs().max() > 0.1


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_ia3_multiplies_what_goes_in_or_comes_out(kernel: tuple[int, ...]) -> None:
    weight, into, out = rand(6, 4, *kernel), rand(1, 4, *(1 for _ in kernel)), rand(6)
    shape, x = tuple(weight.shape), rand(2, 4, *(5 for _ in kernel))
    by_input, by_output = Channels(into, 1), Channels(out, 0)
    assert by_input.fits(shape) and not by_input.fits((6, 5)) and not by_input.fits((4,))
    assert by_output.fits(shape) and by_output.fits((6,)) and not by_output.fits((4, 6))

    def through(w: Tensor, x: Tensor) -> Tensor:
        return torch.conv2d(x, w) if kernel else x @ w.T

    close(through(by_input.change(weight), x), through(weight, x * into.view(1, 4, *(1 for _ in kernel))))
    wanted = through(weight, x) * out.view(1, 6, *(1 for _ in kernel))
    close(through(by_output.change(weight), x), wanted)
    assert (through(Channels(out.flip(0), 0).change(weight), x) - wanted).abs().max() > 0.01


@pytest.mark.parametrize(("axis", "length"), [(0, (6, 1)), (0, (6,)), (1, (1, 4))])
def test_dora_gives_the_sum_a_length_of_its_own(axis: int, length: tuple[int, ...]) -> None:
    weight, inner = rand(6, 4), LowRank(Factors(rand(6, 2), rand(2, 4)), 1.0)
    lengths = rand(*length).abs()
    delta = Magnitude(inner, lengths)
    assert delta.fits((6, 4)) and not Magnitude(inner, rand(5, 1)).fits((6, 4))
    moved = (delta.change(weight) + weight).double()
    close(moved.norm(dim=1 - axis).float(), lengths.flatten())
    towards = (weight + inner.change(weight)).double()
    cosine = torch.nn.functional.cosine_similarity(moved, towards, dim=1 - axis)
    close(cosine.float(), torch.ones(weight.shape[axis]))


def test_dora_of_convolutions_and_lengths_by_input() -> None:
    inner = LowRank(Factors(rand(6, 2, 1, 1), rand(2, 4, 3, 3)), 1.0)
    assert Magnitude(inner, rand(6, 1, 1, 1)).fits((6, 4, 3, 3))
    assert Magnitude(inner, rand(1, 4, 1, 1)).fits((6, 4, 3, 3))
    assert not Magnitude(inner, rand(1, 4, 3, 1)).fits((6, 4, 3, 3))
    weight = rand(6, 4, 3, 3)
    by_input = Magnitude(inner, torch.ones(1, 4, 1, 1))
    close((by_input.change(weight) + weight).transpose(0, 1).flatten(1).norm(dim=1), torch.ones(4))


BROKEN: tuple[Delta, ...] = (
    LowRank(Factors(rand(6), rand(2, 4)), 1.0),
    LowRank(Factors(rand(6, 3), rand(2, 4)), 1.0),
    LowRank(Factors(rand(6, 3), torch.tensor(1.0)), 1.0),
    LowRank(Factors(rand(6, 2), rand(2, 4), rand(3)), 1.0),
    LowRank(Factors(rand(6, 2), rand(2, 4), rand(2, 3, 1, 1)), 1.0),
    Hadamard(Factors(rand(6, 2), rand(2, 4)), Factors(rand(6, 3), rand(2, 4)), 1.0),
    Kronecker(rand(3), rand(2, 4), 1.0),
    Kronecker(rand(3, 1), Factors(rand(2, 1), rand(2, 4)), 1.0),
    Orthogonal(rand(2, 3, 4)),
    Orthogonal(rand(2, 3, 3), rescale=rand(5)),
)


@pytest.mark.parametrize("delta", BROKEN)
def test_parts_that_do_not_belong_together_fit_nothing(delta: Delta) -> None:
    assert not delta.fits((6, 4))


def test_the_rank_is_that_of_the_lower_factor() -> None:
    assert Factors(rand(6, 2), rand(2, 4)).rank == 2 and Factors(rand(1), torch.tensor(1.0)).rank == 0
