"""The vision tower against transformers' CLIP and against a tower of torch's own attention, at toy size."""

from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from mezzotint.families.layouts import vision_hf, vision_open
from mezzotint.nets.clip import quick_gelu
from mezzotint.nets.vision import ClipVision, VisionGeometry
from parity.nets_reference import BOUND, error
from parity.through_layout import moved, shared

FAR = 1e-3
OPENAI = VisionGeometry(28, 7, 32, 3, 4, 48, "quick_gelu", 24)
OPEN = VisionGeometry(30, 7, 48, 2, 2, 80, "gelu", 16)
FORMS = {"openai": OPENAI, "open": OPEN}


def reference(g: VisionGeometry) -> CLIPVisionModelWithProjection:
    config = CLIPVisionConfig(
        hidden_size=g.width,
        intermediate_size=g.hidden,
        projection_dim=g.projection or g.width,
        num_hidden_layers=g.layers,
        num_attention_heads=g.heads,
        image_size=g.side,
        patch_size=g.patch,
        hidden_act=g.activation,
    )
    return CLIPVisionModelWithProjection(config).eval()


def pixels(g: VisionGeometry) -> Tensor:
    return torch.randn(2, 3, g.side, g.side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_vector_and_states_as_transformers(form: str) -> None:
    g = FORMS[form]
    theirs, ours = reference(g), ClipVision(g).eval()
    shared(theirs, vision_hf.LAYOUT, ours)
    expected = theirs(pixels(g), output_hidden_states=True)
    states = ours(pixels(g))
    assert error(states.pooled, expected.image_embeds) <= BOUND
    assert error(states.tokens, expected.last_hidden_state) <= BOUND
    for skip in range(g.layers):
        assert error(ours(pixels(g), skip).tokens, expected.hidden_states[-1 - skip]) <= BOUND
        assert torch.equal(ours(pixels(g), skip).pooled, states.pooled)
    assert error(ours(pixels(g), 1).tokens, expected.last_hidden_state) > FAR
    assert error(ours(pixels(g).flip(-1)).pooled, expected.image_embeds) > FAR


@pytest.mark.parametrize("change", ["activation", "heads", "position", "class", "norm_in"])
@torch.no_grad()
def test_every_constant_matters(change: str) -> None:
    geometry = {
        "activation": replace(OPENAI, activation="gelu"),
        "heads": replace(OPENAI, heads=2),
    }.get(change, OPENAI)
    theirs, ours = reference(OPENAI), ClipVision(geometry).eval()
    shared(theirs, vision_hf.LAYOUT, ours)
    if change == "position":
        ours.position.copy_(ours.position.roll(1, 0))
    elif change == "class":
        ours.class_token.zero_()
    elif change == "norm_in":
        ours.norm_in = nn.LayerNorm(OPENAI.width)
    assert error(ours(pixels(OPENAI)).pooled, theirs(pixels(OPENAI)).image_embeds) > FAR


class OpenBlock(nn.Module):
    """A block with torch's own attention, under the names of OpenAI and OpenCLIP."""

    def __init__(self, g: VisionGeometry) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(g.width, g.heads, batch_first=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(g.width), nn.LayerNorm(g.width)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(g.width, g.hidden), c_proj=nn.Linear(g.hidden, g.width))
        )
        self.act = quick_gelu if g.activation == "quick_gelu" else nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp.c_proj(self.act(self.mlp.c_fc(self.ln_2(x))))


class OpenTower(nn.Module):
    """A whole tower of such blocks."""

    def __init__(self, g: VisionGeometry) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, g.width, g.patch, g.patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(g.width))
        self.positional_embedding = nn.Parameter(torch.empty(g.length, g.width))
        self.ln_pre, self.ln_post = nn.LayerNorm(g.width), nn.LayerNorm(g.width)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(OpenBlock(g) for _ in range(g.layers))
        self.proj = nn.Parameter(torch.empty(g.width, g.projection or g.width))

    def forward(self, x: Tensor) -> Tensor:
        patches = self.conv1(x).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(x), 1, -1)
        x = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        for block in self.transformer.resblocks:
            x = block(x)
        return self.ln_post(x[:, 0]) @ self.proj


@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_the_names_of_open_clip(form: str) -> None:
    g = FORMS[form]
    generator = torch.Generator().manual_seed(2)
    tower, ours = OpenTower(g).eval(), ClipVision(g).eval()
    for name, weight in tower.named_parameters():
        gain = 1.0 if "ln_" in name and name.endswith("weight") else 0.0
        weight.copy_(gain + torch.randn(weight.shape, generator=generator) * 0.1)
    named = {f"visual.{name}": weight for name, weight in tower.state_dict().items()}
    moved(named, vision_open.LAYOUT, ours)
    expected = tower(pixels(g))
    assert error(ours(pixels(g)).pooled, expected) <= BOUND
    turned = named["visual.transformer.resblocks.0.attn.in_proj_weight"].roll(g.width, 0)
    named["visual.transformer.resblocks.0.attn.in_proj_weight"] = turned
    moved(named, vision_open.LAYOUT, ours)
    assert error(ours(pixels(g)).pooled, expected) > FAR
