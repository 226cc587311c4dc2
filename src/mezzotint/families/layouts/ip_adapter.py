"""Names of IP-Adapter files: the projection, and two matrices for each attention to the text.

The attentions of the UNet are counted through there, those to itself even, those to the text odd; those of a
transformer all count, and have norms besides. Reference: tencent-ailab/IP-Adapter, ip_adapter/ip_adapter.py and
resampler.py; diffusers, loaders/transformer_sd3.py.
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
TIME = "image_proj.time_embedding.linear_1.weight"
"""A weight that only those for transformers have."""
_TIMES = (Rule("time_embedding.linear_1.*", "time_in.*"), Rule("time_embedding.linear_2.*", "time_out.*"))
TIMED = Layout((*PLUS.rules, Rule("layers.{i}.2.1.*", "layers.{i}.modulation.*"), *_TIMES))
"""InstantX's, for SD 3.5 large."""
TIMED_DIFFUSERS = Layout(
    (
        Rule("latents", "latents"),
        Rule("proj_in.*", "proj_in.*"),
        Rule("layers.{i}.ln0.*", "layers.{i}.norm1.*"),
        Rule("layers.{i}.ln1.*", "layers.{i}.norm2.*"),
        Rule("layers.{i}.attn.to_q.weight", "layers.{i}.q.weight"),
        Rule("layers.{i}.attn.to_kv.weight", ("layers.{i}.k.weight", "layers.{i}.v.weight"), HALVES),
        Rule("layers.{i}.attn.to_out.0.weight", "layers.{i}.out.weight"),
        Rule("layers.{i}.adaln_norm.*", "layers.{i}.norm3.*"),
        Rule("layers.{i}.adaln_proj.*", "layers.{i}.modulation.*"),
        Rule("layers.{i}.ff.net.0.proj.weight", "layers.{i}.fc1.weight"),
        Rule("layers.{i}.ff.net.2.weight", "layers.{i}.fc2.weight"),
        Rule("proj_out.*", "proj_out.*"),
        Rule("norm_out.*", "norm_out.*"),
        *_TIMES,
    )
)
"""The same as diffusers names it."""


def layout(projection: Layout, sites: int) -> Layout:
    """The table of a file with one of the projections above and this many attentions to the text."""
    rows = [
        Rule(f"ip_adapter.{2 * n + 1}.to_{part}_ip.weight", f"sites.{n}.{part}.weight")
        for n in range(sites)
        for part in "kv"
    ]
    return joined(projection.under("image_proj.", "projection."), Layout(tuple(rows)))


def joint(projection: Layout) -> Layout:
    """The table of a file for a transformer, with one of the timed projections above."""
    rows = (
        Rule("norm_ip.linear.*", "modulation.*"),
        Rule("to_k_ip.weight", "k.weight"),
        Rule("to_v_ip.weight", "v.weight"),
        Rule("norm_q.weight", "norm_q.weight"),
        Rule("norm_k.weight", "norm_k.weight"),
        Rule("norm_ip_k.weight", "norm_extra.weight"),
    )
    sites = Layout(tuple(row.under("ip_adapter.{n}.", "sites.{n}.") for row in rows))
    return joined(projection.under("image_proj.", "projection."), sites)
