"""Names of the text encoder in OpenCLIP's spelling: SD 2 and SDXL single files.

Query, key and value lie in one tensor, and the projection is stored transposed (some tools store it as a Linear,
which is read too). Reference: open_clip, TextTransformer.
"""

from mezzotint.weights.layout import THIRDS, TRANSPOSED, Layout, Rule

QKV = tuple(f"blocks.{{i}}.attention.{part}" for part in "qkv")

BLOCK = (
    Rule("transformer.resblocks.{i}.ln_{n}.*", "blocks.{i}.norm{n}.*"),
    Rule("transformer.resblocks.{i}.attn.in_proj_weight", tuple(f"{x}.weight" for x in QKV), THIRDS),
    Rule("transformer.resblocks.{i}.attn.in_proj_bias", tuple(f"{x}.bias" for x in QKV), THIRDS),
    Rule("transformer.resblocks.{i}.attn.out_proj.*", "blocks.{i}.attention.out.*"),
    Rule("transformer.resblocks.{i}.mlp.c_fc.*", "blocks.{i}.fc1.*"),
    Rule("transformer.resblocks.{i}.mlp.c_proj.*", "blocks.{i}.fc2.*"),
)
"""The blocks, which the vision tower has as well."""

LAYOUT = Layout(
    (
        Rule("token_embedding.weight", "token.weight"),
        Rule("positional_embedding", "position"),
        Rule("text_projection", "projection.weight", TRANSPOSED),
        Rule("text_projection.weight", "projection.weight"),
        *BLOCK,
        Rule("ln_final.*", "norm.*"),
    ),
    dropped=("logit_scale", "attn_mask"),
)
