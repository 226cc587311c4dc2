"""Names of the MMDiT in diffusers folders (`transformer/`). Reference: diffusers, SD3Transformer2DModel.

In the norms that only shift and scale, at the end and before the text's last attention, it keeps the scale first.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from mezzotint.weights.layout import Layout, Op, Rule, spread


def _halves_swapped(tensor: Tensor) -> Tensor:
    return torch.cat(tensor.chunk(2)[::-1])


def _forward(theirs: Tensor) -> Sequence[Tensor]:
    return [_halves_swapped(theirs)]


SCALE_FIRST = Op(_forward, lambda ours: _halves_swapped(ours[0]))
"""Theirs holds scale on top of shift, ours shift on top of scale."""

OUTER = (
    Rule("pos_embed.pos_embed", "position"),
    Rule("pos_embed.proj.*", "patches.*"),
    Rule("time_text_embed.timestep_embedder.linear_1.*", "time_in.*"),
    Rule("time_text_embed.timestep_embedder.linear_2.*", "time_out.*"),
    Rule("time_text_embed.text_embedder.linear_1.*", "pooled_in.*"),
    Rule("time_text_embed.text_embedder.linear_2.*", "pooled_out.*"),
    Rule("context_embedder.*", "context.*"),
)
HEAD = (
    Rule("norm_out.linear.*", "modulation_out.*", SCALE_FIRST),
    Rule("proj_out.*", "out.*"),
)
ATTENTION = (
    Rule("to_q.*", "q.*"),
    Rule("to_k.*", "k.*"),
    Rule("to_v.*", "v.*"),
    Rule("to_out.0.*", "out.*"),
    Rule("norm_q.weight", "norm_q.weight"),
    Rule("norm_k.weight", "norm_k.weight"),
)
BLOCK = (
    *spread((("attn", "x.attn"), ("attn2", "x.attn2")), ATTENTION),
    Rule("attn.add_q_proj.*", "context.attn.q.*"),
    Rule("attn.add_k_proj.*", "context.attn.k.*"),
    Rule("attn.add_v_proj.*", "context.attn.v.*"),
    Rule("attn.to_add_out.*", "context.attn.out.*"),
    Rule("attn.norm_added_q.weight", "context.attn.norm_q.weight"),
    Rule("attn.norm_added_k.weight", "context.attn.norm_k.weight"),
    Rule("norm1.linear.*", "x.modulation.*"),
    Rule("norm1_context.linear.*", "context.modulation.*"),
    Rule("ff.net.0.proj.*", "x.fc1.*"),
    Rule("ff.net.2.*", "x.fc2.*"),
    Rule("ff_context.net.0.proj.*", "context.fc1.*"),
    Rule("ff_context.net.2.*", "context.fc2.*"),
)
BLOCKS = (("transformer_blocks.{i}", "blocks.{i}"),)


def layout(layers: int) -> Layout:
    """The table of a transformer of `layers` blocks, the last of which has the text's other norm."""
    last = layers - 1
    ending = Rule(
        f"transformer_blocks.{last}.norm1_context.linear.*",
        f"blocks.{last}.context.modulation.*",
        SCALE_FIRST,
    )
    return Layout((*OUTER, *HEAD, ending, *spread(BLOCKS, BLOCK)))


CONTROL = Layout(
    (
        *OUTER,
        Rule("pos_embed_input.proj.*", "hint.*"),
        Rule("controlnet_blocks.{i}.*", "zero.{i}.*"),
        *spread(BLOCKS, BLOCK),
    )
)
"""The table of a ControlNet for it (SD3ControlNetModel), which has no other last block."""
