"""The text encoder against transformers' CLIP text models, at toy size, with the same random weights."""

from dataclasses import replace

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from mezzotint.nets.clip import ClipGeometry, ClipText
from parity.nets_reference import BOUND, clip_name, copied, error

EOS, PAD = 99, 0
OPENAI = ClipGeometry(100, 12, 32, 3, 4, 48, "quick_gelu", None)
OPEN = ClipGeometry(100, 12, 32, 4, 2, 64, "gelu", 24)
FORMS = {"openai": OPENAI, "open": OPEN}


def config(g: ClipGeometry, eos: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=g.vocab,
        hidden_size=g.width,
        intermediate_size=g.hidden,
        projection_dim=g.projection or g.width,
        num_hidden_layers=g.layers,
        num_attention_heads=g.heads,
        max_position_embeddings=g.length,
        hidden_act=g.activation,
        bos_token_id=EOS - 1,
        eos_token_id=eos,
        pad_token_id=PAD,
    )


def pair(g: ClipGeometry, eos: int) -> tuple[ClipText, CLIPTextModel | CLIPTextModelWithProjection]:
    kind = CLIPTextModel if g.projection is None else CLIPTextModelWithProjection
    theirs, ours = kind(config(g, eos)).eval(), ClipText(g).eval()
    copied(theirs, ours, clip_name)
    return ours, theirs


def prompts(pad: int) -> torch.Tensor:
    rows = [[98, 5, 17, 60, EOS], [98, EOS], [98, *range(20, 30), EOS]]
    return torch.tensor([row + [pad] * (12 - len(row)) for row in rows])


@pytest.mark.parametrize("pad", [PAD, EOS])
@pytest.mark.parametrize("config_eos", [2, EOS])
@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_states_and_pooled(form: str, config_eos: int, pad: int) -> None:
    """Both readings of the end-of-text position that published configurations ask for, and both paddings."""
    ours, theirs = pair(FORMS[form], config_eos)
    ids = prompts(pad)
    answer = theirs(input_ids=ids, output_hidden_states=True)
    states = ours(ids, EOS)
    pooled = answer.pooler_output if form == "openai" else answer.text_embeds
    assert error(states.tokens, answer.last_hidden_state) <= BOUND
    assert error(states.pooled, pooled) <= BOUND
    other = ours(ids, 98)
    assert error(other.pooled, pooled) > BOUND


@pytest.mark.parametrize("skip", [0, 1, 2])
@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_skipped_layers(form: str, skip: int) -> None:
    ours, theirs = pair(FORMS[form], EOS)
    ids = prompts(PAD)
    inner = theirs if form == "openai" else theirs.text_model
    hidden = theirs(input_ids=ids, output_hidden_states=True).hidden_states
    raw = hidden[len(hidden) - 1 - skip]
    assert error(ours(ids, EOS, skip, normed=False).tokens, raw) <= BOUND
    assert error(ours(ids, EOS, skip).tokens, inner.final_layer_norm(raw)) <= BOUND
    assert error(ours(ids, EOS, skip).tokens, raw) > BOUND
    assert error(ours(ids, EOS, (skip + 1) % 3, normed=False).tokens, raw) > BOUND
    assert error(ours(ids, EOS, skip).pooled, ours(ids, EOS).pooled) == 0.0


@pytest.mark.parametrize("change", ["activation", "heads", "causal", "position"])
@torch.no_grad()
def test_every_constant_matters(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls: one constant changed must not pass for the same network."""
    geometry = {
        "activation": replace(OPENAI, activation="gelu"),
        "heads": replace(OPENAI, heads=2),
    }.get(change, OPENAI)
    ours, theirs = ClipText(geometry).eval(), CLIPTextModel(config(OPENAI, EOS)).eval()
    copied(theirs, ours, clip_name)
    ids = prompts(PAD)
    expected = theirs(input_ids=ids).last_hidden_state
    if change == "causal":
        monkeypatch.setattr(torch.Tensor, "tril", lambda mask: mask)
    if change == "position":
        ours.position.copy_(ours.position.roll(1, 0))
    assert error(ours(ids, EOS).tokens, expected) > BOUND
