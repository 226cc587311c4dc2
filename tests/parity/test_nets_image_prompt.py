"""IP-Adapter against diffusers: its projections, and a whole UNet with its extra attention, masks and scales."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from mezzotint.families.layouts import ip_adapter
from mezzotint.nets.conditioning import Conditioning, Inject, Stream
from mezzotint.nets.image_prompt import ImagePrompt, MlpProjection, VectorProjection, text_sites
from mezzotint.nets.resampler import Resampler, ResamplerGeometry
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout
from parity.nets_reference import BOUND, copied, error, fill, unet_name
from parity.test_nets_unet import reference
from parity.through_layout import same

FAR = 1e-3
CONTEXT, WIDTH, TOKENS = 24, 20, 4
SMALL = UNetGeometry(4, 4, (32, 64, 96), 1, (True, True, False), (4, 4, 4), CONTEXT, norm_groups=8)
DEEP = replace(SMALL, attention=(False, True, True), heads=(1, 2, 3), blocks=2, linear_projection=True)
UNETS = {"sd1": SMALL, "sdxl": DEEP}

PROJECTIONS: dict[str, tuple[Layout, nn.Module, tuple[int, ...]]] = {
    "plain": (ip_adapter.VECTOR, VectorProjection(WIDTH, CONTEXT, TOKENS), (WIDTH,)),
    "plus": (ip_adapter.PLUS, Resampler(ResamplerGeometry(WIDTH, CONTEXT, 32, 2, tokens=5)), (9, WIDTH)),
    "full face": (ip_adapter.FULL_FACE, MlpProjection(WIDTH, WIDTH, CONTEXT), (9, WIDTH)),
    "face": (ip_adapter.FACE, MlpProjection(WIDTH, 2 * WIDTH, CONTEXT, TOKENS), (WIDTH,)),
}


def adapter(kind: str, geometry: UNetGeometry) -> tuple[ImagePrompt, dict[str, dict[str, Tensor]]]:
    """An adapter with random weights, and the same as the two dictionaries that diffusers reads."""
    table, projection, _ = PROJECTIONS[kind]
    sites = text_sites(geometry)
    ours, table = ImagePrompt(projection, CONTEXT, sites).eval(), ip_adapter.layout(table, len(sites))
    fill(ours)
    path = Path("ip-adapter")
    file = table.export(InMemory(path, ours.state_dict()))
    assert same(table.load(InMemory(path, file)), dict(ours.state_dict()))
    parts: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in file.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    return ours, parts


def pair(kind: str, geometry: UNetGeometry) -> tuple[UNet, ImagePrompt, UNet2DConditionModel]:
    net, theirs = UNet(geometry).eval(), reference(geometry)
    copied(theirs, net, unet_name)
    prompt, parts = adapter(kind, geometry)
    theirs._load_ip_adapter_weights([parts], low_cpu_mem_usage=False)
    return net, prompt, theirs.eval()


def seen(kind: str) -> Tensor:
    return torch.randn(2, *PROJECTIONS[kind][2], generator=torch.Generator().manual_seed(3))


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 4, 8, 16, generator=generator)
    return x, torch.tensor([981, 3]), torch.randn(2, 7, CONTEXT, generator=generator)


def answer(net: UNet, stream: Stream | None) -> Tensor:
    x, t, text = inputs()
    return net(x, t, Conditioning(text), Inject(streams={"prompt": stream}) if stream else None).sample


def expected(
    theirs: UNet2DConditionModel, shown: Tensor, scale: float = 1.0, mask: Tensor | None = None
) -> Tensor:
    for processor in theirs.attn_processors.values():
        if "IPAdapter" in type(processor).__name__:
            processor.scale = [scale]
    x, t, text = inputs()
    return theirs(
        x,
        t,
        text,
        added_cond_kwargs={"image_embeds": [shown[:, None]]},
        cross_attention_kwargs=None if mask is None else {"ip_adapter_masks": [mask]},
    ).sample


@pytest.mark.parametrize("kind", sorted(PROJECTIONS))
@torch.no_grad()
def test_tokens(kind: str) -> None:
    _, prompt, theirs = pair(kind, SMALL)
    wanted = theirs.encoder_hid_proj.image_projection_layers[0](seen(kind)).reshape(2, -1, CONTEXT)
    assert error(prompt.projection(seen(kind)), wanted) <= BOUND
    assert error(prompt.projection(seen(kind).flip(-1)), wanted) > FAR


@pytest.mark.parametrize("unet", sorted(UNETS))
@pytest.mark.parametrize("kind", ["plain", "plus"])
@torch.no_grad()
def test_a_whole_unet_with_its_extra_attention(kind: str, unet: str) -> None:
    """Also proves which matrices of the file belong to which attention."""
    net, prompt, theirs = pair(kind, UNETS[unet])
    for scale in (1.0, 0.35):
        wanted = expected(theirs, seen(kind), scale)
        assert error(answer(net, prompt(seen(kind), torch.tensor(scale))), wanted) <= BOUND
    one = torch.tensor(0.35)
    assert error(answer(net, prompt(seen(kind), one * 1.2)), wanted) > FAR
    assert error(answer(net, prompt(seen(kind).flip(0), one)), wanted) > FAR
    assert error(answer(net, None), wanted) > FAR
    rolled = ImagePrompt(prompt.projection, CONTEXT, text_sites(UNETS[unet]))
    rolled.load_state_dict(prompt.state_dict())
    rolled.sites[0].v.weight.copy_(prompt.sites[1].v.weight.roll(1, 0)[: len(rolled.sites[0].v.weight)])
    assert error(answer(net, rolled(seen(kind), one)), wanted) > FAR


@torch.no_grad()
def test_a_mask_says_where() -> None:
    net, prompt, theirs = pair("plain", SMALL)
    mask = torch.zeros(1, 1, 64, 128)
    mask[..., :70] = 1.0
    wanted = expected(theirs, seen("plain"), 0.8, mask)
    scale = torch.tensor(0.8)
    assert error(answer(net, prompt(seen("plain"), scale, mask)), wanted) <= BOUND
    assert error(answer(net, prompt(seen("plain"), scale)), wanted) > FAR
    assert error(answer(net, prompt(seen("plain"), scale, mask.flip(-1))), wanted) > FAR
