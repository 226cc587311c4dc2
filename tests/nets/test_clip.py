"""Behaviour of the text encoder that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from mezzotint.nets.clip import ClipText
from mezzotint.values.errors import BadValue, UnknownName
from nets.toys import CLIP, clip, error

EOS = 49


def ids() -> torch.Tensor:
    return torch.tensor([[48, 3, 7, EOS, 0, 0, 0, 0], [48, 9, EOS, EOS, EOS, EOS, EOS, EOS]])


@torch.no_grad()
def test_a_token_sees_only_what_stands_before_it() -> None:
    net = clip()
    changed = ids()
    changed[:, 4] = 11
    before, after = net(ids(), EOS).tokens, net(changed, EOS).tokens
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


@torch.no_grad()
def test_pooled_is_the_projected_state_of_the_first_eos() -> None:
    net = clip()
    assert net.projection is not None
    states = net(ids(), EOS)
    expected = net.projection(states.tokens[torch.arange(2), torch.tensor([3, 2])])
    assert error(states.pooled, expected) <= 1e-6
    assert states.pooled.shape == (2, 12)


@torch.no_grad()
def test_shorter_texts_and_separate_calls_agree() -> None:
    net = clip()
    full = net(ids(), EOS)
    assert error(net(ids()[:, :5], EOS).tokens, full.tokens[:, :5]) <= 1e-5
    assert error(net(ids()[1:], EOS).tokens, full.tokens[1:]) <= 1e-5


def test_it_learns_everywhere() -> None:
    torch.manual_seed(0)
    net = ClipText(CLIP)
    target = torch.randn(2, 12, generator=torch.Generator().manual_seed(1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    losses: list[float] = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = (net(ids(), EOS).pooled - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # A key bias moves all scores of a query alike, so its gradient is zero but for rounding.
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert [name for name in without if not name.endswith("k.bias")] == []
    assert losses[-1] < 0.8 * losses[0]


@torch.no_grad()
def test_other_precisions() -> None:
    net = clip()
    expected = net(ids(), EOS).tokens
    with torch.autocast("cpu", torch.bfloat16):
        assert error(net(ids(), EOS).tokens.float(), expected) <= 0.1
    assert error(net.bfloat16()(ids(), EOS).tokens.float(), expected) <= 0.1


class Flat(torch.nn.Module):
    """The network as a function of tensors alone, as torch.export wants it."""

    def __init__(self, net: ClipText) -> None:
        super().__init__()
        self.net = net

    def forward(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states = self.net(tokens, EOS, skip=1)
        return states.tokens, states.pooled


@torch.no_grad()
def test_exports_without_data_dependence() -> None:
    """The place of the end of the text is found in the graph, not in Python."""
    net = clip()
    program = torch.export.export(Flat(net), (ids(),)).module()
    moved = ids().roll(1, dims=1)
    expected = net(moved, EOS, skip=1)
    assert error(program(moved)[0], expected.tokens) <= 1e-5
    assert error(program(moved)[1], expected.pooled) <= 1e-5


@torch.no_grad()
def test_taught_rows_stand_where_their_ids_stand() -> None:
    """Rows that copy the table give the states of the ids that were copied; others differ from there on."""
    net = clip()
    table = net.token.weight.clone()
    taught = torch.stack([table[9], -table[7]])
    copied, other = ids(), ids()
    copied[1, 1], other[0, 2] = CLIP.vocab, CLIP.vocab + 1
    plain = net(ids(), EOS)
    assert torch.equal(net(ids(), EOS, taught=taught).tokens, plain.tokens)
    assert torch.equal(net(copied, EOS, taught=taught).tokens, plain.tokens)
    moved = net(other, EOS, taught=taught).tokens
    assert torch.equal(moved[0, :2], plain.tokens[0, :2]) and torch.equal(moved[1], plain.tokens[1])
    assert (moved[0, 2:] - plain.tokens[0, 2:]).abs().amax(-1).min() > 1e-4
    assert torch.equal(net.token.weight, table)


def test_taught_rows_can_be_learned_alone() -> None:
    net = clip().requires_grad_(False)
    taught = torch.zeros(1, CLIP.width, requires_grad=True)
    net(torch.tensor([[48, CLIP.vocab, EOS]]), EOS, taught=taught).pooled.square().sum().backward()
    assert taught.grad is not None and taught.grad.abs().max() > 0


@pytest.mark.parametrize("change", [{"heads": 3}, {"layers": 0}, {"projection": 0}, {"vocab": -5}])
def test_bad_geometry(change: dict[str, object]) -> None:
    with pytest.raises(BadValue):
        replace(CLIP, **change)  # pyright: ignore[reportArgumentType]


def test_unknown_activation() -> None:
    with pytest.raises(UnknownName, match="quick_gelu"):
        replace(CLIP, activation="quick_glu")


@pytest.mark.parametrize("skip", [-1, 3])
def test_a_skip_that_leaves_no_layer(skip: int) -> None:
    with pytest.raises(BadValue):
        clip()(ids(), EOS, skip)


def test_too_many_tokens() -> None:
    with pytest.raises(BadValue):
        clip()(torch.zeros(1, 9, dtype=torch.int64), EOS)
