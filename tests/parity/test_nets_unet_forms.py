"""Every form of the UNet against diffusers' UNet2DConditionModel, at toy size, its weights read through our tables.

The weights go through the table of diffusers folders both ways and through that of original files both ways, so names
and maths are proved together.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from mezzotint.families.layouts import unet_diffusers, unet_ldm
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNet, UNetGeometry, Vector
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout
from parity.nets_reference import BOUND, error, fill

SD1 = UNetGeometry(4, 4, (32, 64, 96), 2, (True, True, False), (4, 4, 4), 24, norm_groups=8)
SD2 = replace(SD1, heads=(1, 2, 3), linear_projection=True)
SDXL = replace(
    SD2, attention=(False, True, True), depth=(1, 2, 3), blocks=3, added=Vector(pooled=20, numbers=6, waves=8)
)
FORMS = {
    "sdxl": SDXL,
    "sdxl refiner": replace(
        SD2,
        channels=(32, 64, 96, 96),
        attention=(False, True, True, False),
        heads=(1, 2, 3, 3),
        blocks=4,
        added=Vector(pooled=24, numbers=5, waves=8),
    ),
    "sdxl inpainting": replace(SDXL, in_channels=9),
    "x4 upscaler": replace(
        SD2,
        in_channels=7,
        channels=(32, 64, 64, 96),
        attention=(False, True, True, True),
        heads=(4, 4, 4, 4),
        cross_only=(True, True, True, False),
        classes=50,
    ),
    "unclip": replace(SD2, added=Vector(pooled=16, numbers=1, waves=16)),
    "sd2 depth": replace(SD2, in_channels=5),
    "inpainting": replace(SD1, in_channels=9),
    "sd2 inpainting": replace(SD2, in_channels=9),
    "instruct-pix2pix": replace(SD1, in_channels=8),
}


def reference(g: UNetGeometry) -> UNet2DConditionModel:
    kinds = ["CrossAttn" if on else "" for on in g.attention]
    more: dict[str, object] = {}
    if g.added is not None and g.added.numbers > 1:
        more = {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": g.added.waves,
            "projection_class_embeddings_input_dim": g.added.width,
        }
    elif g.added is not None:
        more = {
            "class_embed_type": "projection",
            "projection_class_embeddings_input_dim": g.added.width,
        }
    if g.classes:
        more = {"num_class_embeds": g.classes}
    if g.cross_only:
        more["only_cross_attention"] = g.cross_only
    return UNet2DConditionModel(
        in_channels=g.in_channels,
        out_channels=g.out_channels,
        block_out_channels=g.channels,
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        layers_per_block=g.layers,
        attention_head_dim=g.heads,
        transformer_layers_per_block=list(g.depths),
        cross_attention_dim=g.context,
        use_linear_projection=g.linear_projection,
        norm_num_groups=g.norm_groups,
        **more,
    ).eval()


def both_ways(table: Layout, theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors of theirs, and theirs of ours again, which must be the same."""
    ours = table.load(InMemory(Path("theirs"), theirs))
    back = table.export(InMemory(Path("ours"), ours))
    assert back.keys() == theirs.keys()
    assert all(torch.equal(back[name], theirs[name]) for name in theirs)
    return ours


Pair = tuple[UNet, UNet2DConditionModel, str]


@pytest.fixture(scope="module", params=sorted(FORMS))
def pair(request: pytest.FixtureRequest) -> Pair:
    geometry = FORMS[request.param]
    theirs = reference(geometry)
    fill(theirs)
    added = unet_diffusers.CLASS_EMBEDDING if request.param == "unclip" else unet_diffusers.ADD_EMBEDDING
    ours = both_ways(unet_diffusers.layout(added), theirs.state_dict())
    original = unet_ldm.layout(geometry.layers, geometry.attention)
    assert unet_ldm.numbering(original.export(InMemory(Path("ours"), ours))) == (
        geometry.layers,
        geometry.attention,
    )
    again = original.load(InMemory(Path("original"), original.export(InMemory(Path("ours"), ours))))
    assert again.keys() == ours.keys() and all(torch.equal(again[name], ours[name]) for name in ours)
    net = UNet(geometry).eval()
    net.load_state_dict(again)
    return net, theirs, request.param


def sinusoids(level: Tensor, width: int) -> Tensor:
    from diffusers.models.embeddings import get_timestep_embedding

    return get_timestep_embedding(level, width, flip_sin_to_cos=True, downscale_freq_shift=0)


def conditioned(g: UNetGeometry, height: int, width: int) -> tuple[Tensor, Conditioning]:
    """A latent of 4 channels and all that this form takes beside it."""
    generator = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    x, tokens, extra = normal(2, 4, height, width), normal(2, 7, g.context), g.in_channels - 4
    numbers = pooled = None
    if g.added is not None:
        pooled = normal(2, g.added.pooled)
        numbers = torch.randint(0, 1000, (2, g.added.numbers), generator=generator).float()
    if g.classes:
        numbers = torch.tensor([[20], [3]])
    planes = normal(2, extra, height, width) if extra else None
    return x, Conditioning(tokens, pooled, numbers, planes)


def answer(theirs: UNet2DConditionModel, x: Tensor, t: Tensor, cond: Conditioning, form: str) -> Tensor:
    image = x if cond.planes is None else torch.cat([x, cond.planes], 1)
    more: dict[str, object] = {}
    if form.startswith("sdxl"):
        more["added_cond_kwargs"] = {"text_embeds": cond.pooled, "time_ids": cond.numbers}
    elif form == "unclip":
        assert cond.pooled is not None and cond.numbers is not None
        waves = sinusoids(cond.numbers[:, 0], cond.pooled.shape[1])
        more["class_labels"] = torch.cat([cond.pooled, waves], 1)
    elif form == "x4 upscaler":
        assert cond.numbers is not None
        more["class_labels"] = cond.numbers[:, 0]
    return theirs(image, t, cond.tokens, **more).sample


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 13), (1, 1)])
@torch.no_grad()
def test_same_answer(pair: Pair, height: int, width: int) -> None:
    ours, theirs, form = pair
    x, cond = conditioned(ours.geometry, height, width)
    t = torch.tensor([981, 3])
    expected = answer(theirs, x, t, cond, form)
    assert error(ours(x, t, cond).sample, expected) <= BOUND


def changed(cond: Conditioning) -> dict[str, Conditioning]:
    """For every input that is there, the same conditioning with this one changed."""
    found = {"tokens": replace(cond, tokens=cond.tokens.flip(0))}
    if cond.pooled is not None:
        found["pooled"] = replace(cond, pooled=cond.pooled.flip(0))
    if cond.numbers is not None:
        found["numbers"] = replace(cond, numbers=cond.numbers.flip(0))
    if cond.planes is not None:
        found["planes"] = replace(cond, planes=cond.planes.flip(0))
    return found


@torch.no_grad()
def test_every_input_and_constant_matters(pair: Pair) -> None:
    """Negative controls: another value of each input, and every constant of the form, is far out of bounds."""
    ours, theirs, form = pair
    x, cond = conditioned(ours.geometry, 8, 8)
    t = torch.tensor([981, 3])
    expected = answer(theirs, x, t, cond, form)
    assert error(ours(x, t.flip(0), cond).sample, expected) > 1e-3
    for name, other in changed(cond).items():
        assert error(ours(x, t, other).sample, expected) > 1e-3, name
    variant = replace(ours.geometry, heads=tuple(2 * heads for heads in ours.geometry.heads))
    net = UNet(variant).eval()
    net.load_state_dict(ours.state_dict())
    assert error(net(x, t, cond).sample, expected) > 1e-3
