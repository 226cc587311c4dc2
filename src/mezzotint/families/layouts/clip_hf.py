"""Names of the CLIP text encoder as transformers spells them: SD 1 single files and all diffusers folders.

Published files put `text_model.` before every name; transformers 5 no longer does. Both are read, the first written.
"""

from mezzotint.weights.layout import Layout, Rule

BLOCK = (
    Rule("encoder.layers.{i}.layer_norm{n}.*", "blocks.{i}.norm{n}.*"),
    Rule("encoder.layers.{i}.self_attn.q_proj.*", "blocks.{i}.attention.q.*"),
    Rule("encoder.layers.{i}.self_attn.k_proj.*", "blocks.{i}.attention.k.*"),
    Rule("encoder.layers.{i}.self_attn.v_proj.*", "blocks.{i}.attention.v.*"),
    Rule("encoder.layers.{i}.self_attn.out_proj.*", "blocks.{i}.attention.out.*"),
    Rule("encoder.layers.{i}.mlp.fc{n}.*", "blocks.{i}.fc{n}.*"),
)
"""The blocks, which the vision tower has as well."""
ROWS = (
    Rule("embeddings.token_embedding.weight", "token.weight"),
    Rule("embeddings.position_embedding.weight", "position"),
    *BLOCK,
    Rule("final_layer_norm.*", "norm.*"),
)
PROJECTION = Rule("text_projection.weight", "projection.weight")

POSITION_IDS = ("text_model.embeddings.position_ids", "embeddings.position_ids")
"""The numbers 0 to 76, which files of transformers before 4.31 carry."""

LAYOUT = Layout(
    (*(row.under("text_model.", "") for row in ROWS), *ROWS, PROJECTION),
    POSITION_IDS,
)
