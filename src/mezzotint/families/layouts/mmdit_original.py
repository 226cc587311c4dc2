"""Names of the MMDiT in single files of SD 3 and 3.5 (`model.diffusion_model.`). Reference: sd3.5, mmditx.py.

Query, key and value lie in one tensor.
"""

from mezzotint.weights.layout import THIRDS, Layout, Rule, spread

OUTER = (
    Rule("pos_embed", "position"),
    Rule("x_embedder.proj.*", "patches.*"),
    Rule("t_embedder.mlp.0.*", "time_in.*"),
    Rule("t_embedder.mlp.2.*", "time_out.*"),
    Rule("y_embedder.mlp.0.*", "pooled_in.*"),
    Rule("y_embedder.mlp.2.*", "pooled_out.*"),
    Rule("context_embedder.*", "context.*"),
    Rule("final_layer.adaLN_modulation.1.*", "modulation_out.*"),
    Rule("final_layer.linear.*", "out.*"),
)
ATTENTION = (
    Rule("qkv.*", ("q.*", "k.*", "v.*"), THIRDS),
    Rule("proj.*", "out.*"),
    Rule("ln_q.weight", "norm_q.weight"),
    Rule("ln_k.weight", "norm_k.weight"),
)
STREAM = (
    *spread((("attn", "attn"), ("attn2", "attn2")), ATTENTION),
    Rule("adaLN_modulation.1.*", "modulation.*"),
    Rule("mlp.fc{n}.*", "fc{n}.*"),
)
STREAMS = (
    ("joint_blocks.{i}.x_block", "blocks.{i}.x"),
    ("joint_blocks.{i}.context_block", "blocks.{i}.context"),
)

LAYOUT = Layout((*OUTER, *spread(STREAMS, STREAM)))
