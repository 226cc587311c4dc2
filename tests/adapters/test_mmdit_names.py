"""LoRA of SD 3 in its forms: fused and separate projections of the transformer, its three text encoders."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters.loras import rand
from mezzotint.adapters.lora import Adapter, bound
from mezzotint.adapters.merged import Merged
from mezzotint.adapters.names import Names, mmdit_spellings
from mezzotint.families.toy import random_weight
from mezzotint.nets.clip import ClipGeometry, ClipText
from mezzotint.nets.mmdit import MMDiT, MMDiTGeometry
from mezzotint.nets.t5 import T5Geometry, T5Text
from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout

CLIP = ClipGeometry(
    vocab=40, length=8, width=8, layers=2, heads=2, hidden=12, activation="gelu", projection=8
)
D = 16


def shapes() -> dict[str, tuple[int, ...]]:
    geometry = MMDiTGeometry(4, 2, D, 2, 2, 24, 8, 6, qk_norm=True, dual=1)
    parts = {
        "mmdit": MMDiT(geometry),
        "clip_l": ClipText(CLIP),
        "clip_g": ClipText(CLIP),
        "t5": T5Text(T5Geometry(vocab=30, width=24, layers=2, heads=2, head=8, hidden=20)),
    }
    return {f"{k}.{n}": tuple(t.shape) for k, module in parts.items() for n, t in module.state_dict().items()}


SHAPES = shapes()


def opened(made: dict[str, Tensor]) -> Adapter:
    return bound(InMemory(Path("made"), made), Names(mmdit_spellings(2), SHAPES), SHAPES)


def merged(adapter: Adapter) -> dict[str, Tensor]:
    """What the adapter adds, by our names, where it adds anything."""
    before = {name: random_weight(name, shape) for name, shape in SHAPES.items()}
    live = {name: tensor.clone() for name, tensor in before.items()}
    Merged(live, before.__getitem__).set([(adapter, 1.0)])
    return {n: live[n] - before[n] for n in live if not torch.equal(live[n], before[n])}


def test_fused_projections_are_one_layer_in_single_file_names() -> None:
    up, down = rand(3 * D, 2), rand(2, D)
    layer = "lora_unet_joint_blocks_0_context_block_attn_qkv"
    added = merged(opened({f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down}))
    assert set(added) == {f"mmdit.blocks.0.context.attn.{x}.weight" for x in "qkv"}
    parts = (up @ down).chunk(3)
    for x, part in zip("qkv", parts, strict=True):
        assert torch.allclose(added[f"mmdit.blocks.0.context.attn.{x}.weight"], part, atol=1e-5)


@pytest.mark.parametrize("before", ["transformer.", "lora_transformer_"])
def test_separate_projections_in_diffusers_names(before: str) -> None:
    layers = {
        "transformer_blocks.0.attn.to_k": "mmdit.blocks.0.x.attn.k.weight",
        "transformer_blocks.0.attn.add_q_proj": "mmdit.blocks.0.context.attn.q.weight",
        "transformer_blocks.0.attn2.to_out.0": "mmdit.blocks.0.x.attn2.out.weight",
    }
    made: dict[str, Tensor] = {}
    for layer in layers:
        spelled = before + (layer.replace(".", "_") if before.endswith("_") else layer)
        made |= {f"{spelled}.lora_B.weight": rand(D, 2), f"{spelled}.lora_A.weight": rand(2, D)}
    added = merged(opened(made))
    assert set(added) == set(layers.values())
    assert all(torch.allclose(t, rand(D, 2) @ rand(2, D), atol=1e-5) for t in added.values())


def test_norms_with_halves_swapped_are_changed_in_their_order() -> None:
    added = merged(opened({"transformer.norm_out.linear.diff": rand(2 * D, D)}))
    assert torch.allclose(
        added["mmdit.modulation_out.weight"], torch.cat(rand(2 * D, D).chunk(2)[::-1]), atol=1e-5
    )


@pytest.mark.parametrize(
    ("layer", "ours"),
    [
        ("lora_te1_text_model_encoder_layers_1_self_attn_q_proj", "clip_l.blocks.1.attention.q.weight"),
        ("lora_te2_text_model_encoder_layers_0_self_attn_out_proj", "clip_g.blocks.0.attention.out.weight"),
        ("text_encoder_2.text_model.encoder.layers.0.self_attn.k_proj", "clip_g.blocks.0.attention.k.weight"),
        ("lora_te3_encoder_block_1_layer_0_SelfAttention_q", "t5.blocks.1.q.weight"),
        ("text_encoder_3.encoder.block.0.layer.1.DenseReluDense.wi_0", "t5.blocks.0.gate.weight"),
    ],
)
def test_the_three_text_encoders(layer: str, ours: str) -> None:
    out, into = SHAPES[ours]
    added = merged(
        opened({f"{layer}.lora_up.weight": rand(out, 2), f"{layer}.lora_down.weight": rand(2, into)})
    )
    assert set(added) == {ours} and torch.allclose(added[ours], rand(out, 2) @ rand(2, into), atol=1e-5)


def test_every_weight_has_a_name_and_other_models_have_not() -> None:
    reached: set[str] = set()
    for spelling in mmdit_spellings(2):
        assert isinstance(spelling.layout, Layout)
        own = [n.removeprefix(spelling.ours) for n in SHAPES if n.startswith(spelling.ours)]
        reached |= {spelling.ours + name for name in own if spelling.layout.spellings(name)}
    assert reached == set(SHAPES)
    with pytest.raises(WeightsMismatch, match="1 unexpected"):
        opened({"lora_unet_mid_block_x.diff": rand(2, 2)})
