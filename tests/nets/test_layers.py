"""The small layers and the attention seam."""

import math

import pytest
import torch

from mezzotint.nets.attention import attend, join_heads, split_heads
from mezzotint.nets.layers import GroupNorm, Resnet, time_embedding, to_planes, to_tokens
from mezzotint.values.errors import BadValue
from nets.toys import error


def heads(tokens: int, width: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, tokens, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (9, 5), (64, 77)])
def test_attention_is_a_weighted_mean(queries: int, keys: int) -> None:
    q, k, v = heads(queries), heads(keys, seed=1), heads(keys, seed=2)
    scores = (q.double() @ k.double().mT / 2.0).softmax(-1)
    assert error(attend(q, k, v, "here"), scores @ v.double()) <= 1e-6
    assert error(attend(q, k, v.flip(2), "here"), scores @ v.double()) > 1e-3


def test_attention_masks() -> None:
    q, k, v = heads(3), heads(5, seed=1), heads(5, seed=2)
    seen = torch.tensor([True, True, False, True, False])
    expected = attend(q, k[:, :, seen], v[:, :, seen], "here")
    assert error(attend(q, k, v, "here", seen.expand(3, 5)), expected) <= 1e-6
    bias = torch.zeros(3, 5).masked_fill(~seen, -math.inf)
    assert error(attend(q, k, v, "here", bias), expected) <= 1e-6


def test_attention_names_its_site_when_shapes_do_not_fit() -> None:
    for k, v in ((heads(5), heads(4)), (heads(5, 8), heads(5, 8)), (heads(5)[:1], heads(5)[:1])):
        with pytest.raises(BadValue, match=r"mid\.attention"):
            attend(heads(3), k, v, "mid.attention")


def test_heads_split_and_join() -> None:
    x = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    assert torch.equal(join_heads(split_heads(x, 3)), x)
    assert torch.equal(split_heads(x, 3)[:, 1], x[..., 4:8])


def test_planes_and_tokens_are_inverse_in_row_order() -> None:
    x = torch.arange(2 * 3 * 2 * 4).reshape(2, 3, 2, 4)
    tokens = to_tokens(x)
    assert torch.equal(tokens[1, 5], x[1, :, 1, 1])
    assert torch.equal(to_planes(tokens, 2, 4), x)
    last = x.contiguous(memory_format=torch.channels_last)
    assert to_tokens(last).data_ptr() == last.data_ptr()


def test_time_embedding_against_its_formula() -> None:
    t = torch.tensor([0, 1, 999])
    embedding = time_embedding(t, 8)
    angle = 999 * 10000 ** (-2 / 4)
    assert embedding.dtype == torch.float32
    assert embedding[0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert embedding[2, 2].item() == pytest.approx(math.cos(angle), abs=1e-5)
    assert embedding[2, 6].item() == pytest.approx(math.sin(angle), abs=1e-5)


def test_a_fresh_residual_block_is_its_shortcut() -> None:
    x = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Resnet(8, 8, groups=4, eps=1e-6, time=None)(x), x)
    widening = Resnet(8, 16, groups=4, eps=1e-6, time=6)
    assert widening.shortcut is not None
    assert torch.equal(widening(x, torch.ones(1, 6)), widening.shortcut(x))


def test_the_norm_is_that_of_torch_to_the_bit_and_takes_single_values() -> None:
    x = torch.randn(2, 8, 3, 5, generator=torch.Generator().manual_seed(1))
    mine, theirs = (kind(4, 8, eps=1e-6) for kind in (GroupNorm, torch.nn.GroupNorm))
    for norm in (mine, theirs):
        torch.nn.init.constant_(norm.bias, 0.5)
    assert torch.equal(mine(x), theirs(x))
    single = GroupNorm(8, 8)
    torch.nn.init.constant_(single.bias, 0.5)
    # A value less itself leaves a rounding error, over the root of eps.
    assert torch.allclose(single(x[:1, :, :1, :1]), torch.full((1, 8, 1, 1), 0.5), atol=1e-4)
