"""Behaviour of the MMDiT that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.mmdit import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM, MMDiT, MMDiTGeometry
from mezzotint.values.errors import BadValue
from nets.toys import error, noisy

TOY = MMDiTGeometry(4, 2, 16, 3, 2, 12, 10, 6, qk_norm=True, dual=1)


def net(geometry: MMDiTGeometry = TOY) -> MMDiT:
    torch.manual_seed(0)
    made = MMDiT(geometry).eval()
    noisy(made)
    return made


def inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, Conditioning]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(batch, 4, 8, 6, generator=generator)
    tokens = torch.randn(batch, 5, 12, generator=generator)
    pooled = torch.randn(batch, 10, generator=generator)
    return x, 1000 * torch.rand(batch, generator=generator), Conditioning(tokens, pooled)


@torch.no_grad()
def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    x, t, cond = inputs(3)
    assert cond.pooled is not None
    one = Conditioning(cond.tokens[1:2], cond.pooled[1:2])
    together = net()(x, t, cond).sample
    assert together.shape == x.shape
    assert error(net()(x[1:2], t[1:2], one).sample, together[1:2]) <= 1e-5
    assert error(net()(x[1:2], t[0], one).sample, together[1:2]) > 1e-3


@torch.no_grad()
def test_one_time_for_all() -> None:
    x, t, cond = inputs()
    assert torch.equal(net()(x, t[0], cond).sample, net()(x, t[:1].expand(2), cond).sample)


def test_a_fresh_network_answers_zero_and_learns_everywhere() -> None:
    torch.manual_seed(0)
    made = MMDiT(TOY)
    x, t, cond = inputs()
    assert made(x, t, cond).sample.abs().max() == 0
    optimizer = torch.optim.AdamW(made.parameters(), lr=1e-2)
    losses: list[float] = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = (made(x, t, cond).sample - x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    without = {name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().max() > 0}
    assert without == {"blocks.2.context.attn.q.weight", "blocks.2.context.attn.q.bias",
                       "blocks.2.context.attn.norm_q.weight"}, "the last text is read but asks nothing"  # fmt: skip
    assert losses[-1] < 0.9 * losses[0]


@torch.no_grad()
def test_residuals_change_the_answer_where_they_are_injected() -> None:
    given = inputs()
    plain = net()(*given).sample
    zero = torch.zeros(1, 1, 1)
    assert torch.equal(net()(*given, Inject({"blocks.0": zero, "blocks.1": zero})).sample, plain)
    ramp = torch.linspace(0, 300, 2 * 12 * 16).reshape(2, 12, 16).sin()
    for site in ("blocks.0", "blocks.1"):
        assert error(net()(*given, Inject({site: ramp.roll(1, 2)})).sample, plain) > 1e-3


@pytest.mark.parametrize("site", ["blocks.2", "down.0", "mid"])
def test_a_site_that_it_does_not_have(site: str) -> None:
    with pytest.raises(BadValue, match=r"use blocks\.0 to blocks\.1"):
        net()(*inputs(), Inject({site: torch.zeros(1, 1, 1)}))


@pytest.mark.parametrize("shape", [(2, 11, 16), (16,), (3, 12, 16)])
def test_a_residual_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadValue, match="this image size"):
        net()(*inputs(), Inject({"blocks.0": torch.zeros(shape)}))


@pytest.mark.parametrize("shape", [(2, 3, 8, 6), (2, 4, 7, 6), (2, 4, 8, 14), (4, 8, 6), (2, 4, 0, 6)])
def test_a_latent_that_does_not_fit(shape: tuple[int, ...]) -> None:
    _, t, cond = inputs()
    with pytest.raises(BadValue, match="use"):
        net()(torch.zeros(shape), t, cond)


@pytest.mark.parametrize("pooled", [None, torch.zeros(2, 9), torch.zeros(1, 10)])
def test_a_pooled_vector_that_does_not_fit(pooled: torch.Tensor | None) -> None:
    x, t, cond = inputs()
    with pytest.raises(BadValue, match="one vector of 10"):
        net()(x, t, replace(cond, pooled=pooled))


@pytest.mark.parametrize("shape", [(2, 5, 11), (1, 5, 12), (5, 12)])
def test_text_states_that_do_not_fit(shape: tuple[int, ...]) -> None:
    x, t, cond = inputs()
    with pytest.raises(BadValue, match="states of 12"):
        net()(x, t, replace(cond, tokens=torch.zeros(shape)))


@pytest.mark.parametrize("change", [{"heads": 3}, {"width": 6}, {"layers": 0}, {"dual": 4}, {"positions": 0}])
def test_bad_geometry(change: dict[str, int]) -> None:
    with pytest.raises(BadValue):
        replace(TOY, **change)


def test_the_published_sizes() -> None:
    """Parameters, without the table of positions, as published: 2.0, 2.2 and 8.1 billion."""
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in MMDiT(g).parameters()) for g in (SD3_MEDIUM, SD35_MEDIUM, SD35_LARGE)
        ]
    assert counts == [2_028_328_000, 2_243_171_520, 8_056_627_520]
