"""Behaviour of the UNet that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from mezzotint.nets.conditioning import Conditioning, Inject, Output
from mezzotint.nets.unet import UNet, UNetGeometry, Vector
from mezzotint.values.errors import BadValue
from nets.toys import UNET, error, inputs, unet


@torch.no_grad()
def test_stacked_conditionings_equal_separate_calls() -> None:
    net = unet()
    x, t, cond = inputs(batch=3)
    other = Conditioning(cond.tokens * -0.5)
    stacked = Conditioning(torch.cat([cond.tokens, other.tokens]))
    together = net(torch.cat([x, x]), torch.cat([t, t]), stacked).sample
    apart = torch.cat([net(x, t, cond).sample, net(x, t, other).sample])
    assert error(together, apart) <= 1e-5
    assert error(together.flip(0), apart) > 1e-2


def test_a_fresh_network_answers_zero_and_learns_everywhere() -> None:
    """Zero answer at the start; after two steps every parameter has a gradient."""
    torch.manual_seed(0)
    net = UNet(UNET)
    x, t, cond = inputs()
    assert net(x, t, cond).sample.abs().max() == 0
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    losses: list[float] = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = (net(x, t, cond).sample - x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert without == []
    assert losses[-1] < 0.9 * losses[0]


def test_gradients_reach_the_inputs() -> None:
    net = unet()
    x, t, cond = inputs()
    x.requires_grad_()
    cond.tokens.requires_grad_()
    net(x, t, cond).sample.square().sum().backward()
    for tensor in (x, cond.tokens):
        assert tensor.grad is not None
        assert bool((tensor.grad != 0).all())


@torch.no_grad()
def test_gradient_is_the_slope() -> None:
    """A directional derivative in float64, against the central difference."""
    net = unet().double()
    x, t, cond = (inputs()[0].double(), inputs()[1], Conditioning(inputs()[2].tokens.double()))
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    with torch.enable_grad():
        leaf = x.clone().requires_grad_()
        net(leaf, t, cond).sample.sin().sum().backward()
    assert leaf.grad is not None
    step = 1e-5
    ends = [net(x + s * direction, t, cond).sample.sin().sum() for s in (step, -step)]
    slope = ((ends[0] - ends[1]) / (2 * step)).item()
    assert (leaf.grad * direction).sum().item() == pytest.approx(slope, rel=1e-6)


@torch.no_grad()
def test_planes_join_the_input_channels() -> None:
    net = unet(replace(UNET, in_channels=6))
    x, t, cond = inputs()
    planes = torch.ones(2, 2, 8, 8)
    joined = net(torch.cat([x, planes], dim=1), t, cond).sample
    assert torch.equal(net(x, t, replace(cond, planes=planes)).sample, joined)
    assert not torch.equal(net(x, t, replace(cond, planes=planes * 2)).sample, joined)


@torch.no_grad()
def test_a_residual_broadcasts_over_the_batch() -> None:
    net = unet()
    x, t, cond = inputs()
    one = torch.ones(1, 16, 1, 1)
    narrow = net(x, t, cond, Inject({"down.1": one})).sample
    wide = net(x, t, cond, Inject({"down.1": one.expand(2, 16, 8, 8)})).sample
    assert torch.equal(narrow, wide)
    assert not torch.equal(narrow, net(x, t, cond).sample)
    assert torch.equal(net(x, t, cond, Inject()).sample, net(x, t, cond).sample)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float64])
@torch.no_grad()
def test_other_precisions(precision: torch.dtype) -> None:
    net = unet()
    x, t, cond = inputs()
    expected = net(x, t, cond).sample
    net.to(precision)
    answer = net(x.to(precision), t, Conditioning(cond.tokens.to(precision))).sample
    assert answer.dtype == precision
    assert error(answer.float(), expected) <= (0.1 if precision == torch.bfloat16 else 1e-5)


@torch.no_grad()
def test_autocast_and_channels_last() -> None:
    net = unet()
    x, t, cond = inputs()
    expected = net(x, t, cond).sample
    with torch.autocast("cpu", torch.bfloat16):
        assert error(net(x, t, cond).sample.float(), expected) <= 0.1
    moved = net.to(memory_format=torch.channels_last)
    answer = moved(x.to(memory_format=torch.channels_last), t, cond).sample
    assert error(answer, expected) <= 1e-5


def test_no_parameter_or_input_is_modified() -> None:
    net = unet()
    x, t, cond = inputs()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    copies = (x.clone(), t.clone(), cond.tokens.clone())
    with torch.no_grad():
        first, second = net(x, t, cond).sample, net(x, t, cond).sample
    assert torch.equal(first, second)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip((x, t, cond.tokens), copies, strict=True))


class Flat(torch.nn.Module):
    """The network as a function of tensors alone, as torch.export wants it."""

    def __init__(self, net: UNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor, t: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        answer: Output = self.net(x, t, Conditioning(tokens))
        return answer.sample


@torch.no_grad()
def test_exports_without_data_dependence() -> None:
    """One graph for all values: no Python branch looks at a tensor."""
    net = unet()
    x, t, cond = inputs()
    program = torch.export.export(Flat(net), (x, t, cond.tokens)).module()
    answer = program(-x, t // 2, cond.tokens * 2)
    assert error(answer, net(-x, t // 2, Conditioning(cond.tokens * 2)).sample) <= 1e-5


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch, on loading its own compiler
@torch.no_grad()
def test_compiles_once_for_all_values(backend: str) -> None:
    """One whole graph, not traced again for other times and texts."""
    net = unet()
    compiled = torch.compile(net, fullgraph=True, backend=backend)
    x, t, cond = inputs()
    assert error(compiled(x, t, cond).sample, net(x, t, cond).sample) <= 1e-5
    with torch.compiler.set_stance("fail_on_recompile"):
        assert error(compiled(-x, t // 3, cond).sample, net(-x, t // 3, cond).sample) <= 1e-5


@pytest.mark.parametrize(
    "change",
    [
        {"channels": ()},
        {"channels": (16, 30)},
        {"channels": (16, 32, 64)},
        {"attention": (True,)},
        {"heads": (3, 4)},
        {"heads": (2, 5)},
        {"heads": (2, 0)},
        {"layers": 0},
        {"context": -1},
        {"norm_groups": 0},
        {"channels": (5, 10), "norm_groups": 5, "heads": (1, 1)},
        {"depth": (1,)},
        {"depth": (1, 0)},
        {"cross_only": (True,)},
        {"classes": -1},
        {"added": Vector(pooled=0, numbers=0, waves=8)},
        {"added": Vector(pooled=8, numbers=0, waves=0)},
    ],
)
def test_bad_geometry(change: dict[str, object]) -> None:
    with pytest.raises(BadValue):
        replace(UNET, **change)  # pyright: ignore[reportArgumentType]


def test_heads_need_fit_only_where_there_is_attention() -> None:
    geometry = UNetGeometry(4, 4, (16, 32), 1, (False, False), (3, 4), 12, norm_groups=8)
    assert geometry.heads == (3, 4)


def test_bad_inputs() -> None:
    net = unet()
    x, t, cond = inputs()
    wrong = [
        (x[:, :3], cond, None),
        (x, Conditioning(cond.tokens[:1]), None),
        (x, Conditioning(cond.tokens[..., :4]), None),
        (x, cond, Inject({"down.99": x})),
        (x, cond, Inject({"up.0": x})),
        (x, cond, Inject({"mid": x})),
        (x, cond, Inject({"mid": x[0]})),
    ]
    for image, text, inject in wrong:
        with pytest.raises(BadValue):
            net(image, t, text, inject)


def test_what_is_added_to_the_time_must_be_there_and_fit() -> None:
    x, t, cond = inputs()
    vector = unet(replace(UNET, added=Vector(pooled=6, numbers=2, waves=8)))
    classes = unet(replace(UNET, classes=5))
    pooled, numbers = torch.ones(2, 6), torch.ones(2, 2)
    assert vector(x, t, replace(cond, pooled=pooled, numbers=numbers)).sample.isfinite().all()
    assert classes(x, t, replace(cond, numbers=torch.tensor([[4], [0]]))).sample.isfinite().all()
    wrong = [
        (vector, cond, "pooled"),
        (vector, replace(cond, pooled=pooled), "numbers"),
        (vector, replace(cond, pooled=pooled[:1], numbers=numbers), "pooled"),
        (vector, replace(cond, pooled=pooled, numbers=numbers[:, :1]), "numbers"),
        (classes, cond, "numbers"),
        (classes, replace(cond, numbers=numbers), "numbers"),
    ]
    for net, given, says in wrong:
        with pytest.raises(BadValue) as caught:
            net(x, t, given)
        assert caught.value.field == says


@torch.no_grad()
def test_a_vector_without_numbers_or_without_pooled_is_one_too() -> None:
    x, t, cond = inputs()
    alone = unet(replace(UNET, added=Vector(pooled=6, numbers=0, waves=8)))
    assert alone(x, t, replace(cond, pooled=torch.ones(2, 6))).sample.isfinite().all()
    counted = unet(replace(UNET, added=Vector(pooled=0, numbers=2, waves=8)))
    low, high = (counted(x, t, replace(cond, numbers=torch.full((2, 2), n))).sample for n in (1.0, 9.0))
    assert not torch.equal(low, high)
