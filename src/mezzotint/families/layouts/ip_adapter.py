"""Names of IP-Adapter files: the projection, and two matrices for each attention to the text.

The attentions of the UNet are counted through there, those to itself even, those to the text odd. Reference:
tencent-ailab/IP-Adapter, ip_adapter/ip_adapter.py and resampler.py.
"""

import torch

from mezzotint.weights.layout import Layout, Op, Rule, joined

HALVES = Op(lambda theirs: theirs.chunk(2), lambda ours: torch.cat(list(ours)))
"""Theirs holds key and value on top of each other (2 O I), ours holds two."""

MLP = (Rule("proj.0.*", "fc1.*"), Rule("proj.2.*", "fc2.*"))
VECTOR = Layout((Rule("proj.*", "proj.*"), Rule("norm.*", "norm.*")))
"""The plain adapter: `ip-adapter_sd15`, `ip-adapter_sdxl`."""
FACE = Layout((*MLP, Rule("norm.*", "norm.*")))
"""From the vector of a face recogniser."""
FULL_FACE = Layout((*MLP, Rule("proj.3.*", "norm.*")))
"""From every state of the tower: `ip-adapter-full-face`."""
PLUS = Layout(
    (
        Rule("latents", "latents"),
        Rule("proj_in.*", "proj_in.*"),
        Rule("layers.{i}.0.norm1.*", "layers.{i}.norm1.*"),
        Rule("layers.{i}.0.norm2.*", "layers.{i}.norm2.*"),
        Rule("layers.{i}.0.to_q.weight", "layers.{i}.q.weight"),
        Rule("layers.{i}.0.to_kv.weight", ("layers.{i}.k.weight", "layers.{i}.v.weight"), HALVES),
        Rule("layers.{i}.0.to_out.weight", "layers.{i}.out.weight"),
        Rule("layers.{i}.1.0.*", "layers.{i}.norm3.*"),
        Rule("layers.{i}.1.1.weight", "layers.{i}.fc1.weight"),
        Rule("layers.{i}.1.3.weight", "layers.{i}.fc2.weight"),
        Rule("proj_out.*", "proj_out.*"),
        Rule("norm_out.*", "norm_out.*"),
    )
)
"""`ip-adapter-plus`, `ip-adapter-plus-face`."""


def layout(projection: Layout, sites: int) -> Layout:
    """The table of a file with one of the projections above and this many attentions to the text."""
    rows = [
        Rule(f"ip_adapter.{2 * n + 1}.to_{part}_ip.weight", f"sites.{n}.{part}.weight")
        for n in range(sites)
        for part in "kv"
    ]
    return joined(projection.under("image_proj.", "projection."), Layout(tuple(rows)))
