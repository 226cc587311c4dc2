"""The UNet against diffusers' UNet2DConditionModel, at toy size, with the same seeded random weights."""

from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel

from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.unet import UNet, UNetGeometry
from parity.nets_reference import BOUND, copied, error, unet_name

SD1 = UNetGeometry(4, 4, (32, 64, 96), 2, (True, True, False), (4, 4, 4), 24, norm_groups=8)
SD2 = UNetGeometry(4, 4, (32, 64, 96), 2, (True, True, False), (1, 2, 3), 24, 2, True, norm_groups=8)
FORMS = {"sd1": SD1, "sd2": SD2}


def reference(g: UNetGeometry) -> UNet2DConditionModel:
    kinds = ["CrossAttn" if on else "" for on in g.attention]
    return UNet2DConditionModel(
        in_channels=g.in_channels,
        out_channels=g.out_channels,
        block_out_channels=g.channels,
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        layers_per_block=g.layers,
        attention_head_dim=g.heads,
        transformer_layers_per_block=g.blocks,
        cross_attention_dim=g.context,
        use_linear_projection=g.linear_projection,
        norm_num_groups=g.norm_groups,
    ).eval()


@pytest.fixture(scope="module", params=sorted(FORMS))
def pair(request: pytest.FixtureRequest) -> tuple[UNet, UNet2DConditionModel]:
    geometry = FORMS[request.param]
    ours, theirs = UNet(geometry).eval(), reference(geometry)
    copied(theirs, ours, unet_name)
    return ours, theirs


def inputs(height: int, width: int, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 4, height, width, generator=generator)
    return x, torch.randn(batch, 7, 24, generator=generator)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 8), (7, 5), (9, 13), (1, 1)])
@torch.no_grad()
def test_same_answer_at_any_size(pair: tuple[UNet, UNet2DConditionModel], height: int, width: int) -> None:
    ours, theirs = pair
    x, text = inputs(height, width)
    t = torch.tensor([981, 3])
    expected = theirs(x, t, text).sample
    assert error(ours(x, t, Conditioning(text)).sample, expected) <= BOUND
    assert error(ours(x, t + 1, Conditioning(text)).sample, expected) > BOUND
    assert error(ours(x, t, Conditioning(text.flip(1) * 0.9)).sample, expected) > BOUND


@torch.no_grad()
def test_scalar_and_float_times(pair: tuple[UNet, UNet2DConditionModel]) -> None:
    ours, theirs = pair
    x, text = inputs(8, 8, batch=3)
    for t in (torch.tensor(500), torch.tensor(12.25)):
        expected = theirs(x, t, text).sample
        assert error(ours(x, t, Conditioning(text)).sample, expected) <= BOUND
        assert error(ours(x, t + 0.5, Conditioning(text)).sample, expected) > BOUND


@torch.no_grad()
def test_residuals_enter_where_controlnet_adds_them(pair: tuple[UNet, UNet2DConditionModel]) -> None:
    ours, theirs = pair
    x, text = inputs(9, 12)
    t = torch.tensor(77)
    sizes = [(9, 12)] * 3 + [(5, 6)] * 3 + [(3, 3)] * 3
    generator = torch.Generator().manual_seed(2)
    widths = ours.geometry.skip_widths
    down = [torch.randn(2, c, *size, generator=generator) for c, size in zip(widths, sizes, strict=True)]
    mid = torch.randn(2, 96, 3, 3, generator=generator)
    expected = theirs(
        x, t, text, down_block_additional_residuals=tuple(down), mid_block_additional_residual=mid
    ).sample
    residuals = {**{f"down.{i}": value for i, value in enumerate(down)}, "mid": mid}
    cond = Conditioning(text)
    assert error(ours(x, t, cond, Inject(residuals)).sample, expected) <= BOUND
    for site in residuals:
        without = {key: value for key, value in residuals.items() if key != site}
        assert error(ours(x, t, cond, Inject(without)).sample, expected) > BOUND, site


@pytest.mark.parametrize("change", ["heads", "eps_resnet", "eps_transformer", "gelu", "cosine_first"])
@torch.no_grad()
def test_every_constant_matters(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls: one constant changed must not pass for the same network."""
    geometry = replace(SD1, heads=(2, 2, 2)) if change == "heads" else SD1
    ours, theirs = UNet(geometry).eval(), reference(SD1)
    copied(theirs, ours, unet_name)
    x, text = inputs(8, 8)
    x, t = x * 0.02, torch.tensor(400)
    expected = theirs(x, t, text).sample
    for module in ours.modules():
        if isinstance(module, torch.nn.GroupNorm):
            swap = {"eps_resnet": (1e-5, 1e-3), "eps_transformer": (1e-6, 1e-3)}.get(change, (0.0, 0.0))
            module.eps = swap[1] if module.eps == swap[0] else module.eps
    if change == "gelu":
        tanh = torch.nn.functional.gelu
        monkeypatch.setattr(torch.nn.functional, "gelu", lambda gate: tanh(gate, approximate="tanh"))
    if change == "cosine_first":
        half = ours.geometry.channels[0] // 2
        ours.time_in.weight.copy_(ours.time_in.weight.roll(half, dims=1))
    assert error(ours(x, t, Conditioning(text)).sample, expected) > BOUND
