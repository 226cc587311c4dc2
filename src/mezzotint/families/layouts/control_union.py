"""Names of a ControlNet for several kinds of hints, in files and folders alike: those of diffusers, and its own.

Reference: diffusers, ControlNetUnionModel, whose `transformer_layes` are spelled so.
"""

from collections.abc import Iterable

from mezzotint.families.layouts import controlnet
from mezzotint.weights.layout import THIRDS, Layout, Rule, joined, spread

QKV = tuple(f"attention.{part}" for part in "qkv")
LAYER = (
    Rule("ln_{n}.*", "norm{n}.*"),
    Rule("attn.in_proj_weight", tuple(f"{part}.weight" for part in QKV), THIRDS),
    Rule("attn.in_proj_bias", tuple(f"{part}.bias" for part in QKV), THIRDS),
    Rule("attn.out_proj.*", "attention.out.*"),
    Rule("mlp.c_fc.*", "fc1.*"),
    Rule("mlp.c_proj.*", "fc2.*"),
)
OWN = Layout(
    (
        Rule("task_embedding", "kinds"),
        Rule("control_add_embedding.linear_1.*", "kinds_in.*"),
        Rule("control_add_embedding.linear_2.*", "kinds_out.*"),
        Rule("spatial_ch_projs.*", "bias.*"),
        *spread((("transformer_layes.{i}", "fusion.{i}"),), LAYER),
    )
)
MARKER = "task_embedding"


def layout(names: Iterable[str]) -> Layout:
    """The table for a file with these names."""
    return joined(OWN, controlnet.diffusers(controlnet.hints_in(names)).under("", "net."))
