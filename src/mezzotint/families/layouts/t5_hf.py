"""Names of the T5 encoder as transformers spells them: folders (`text_encoder_3/`) and separate files.

The separate files store the embedding twice, folders once; older programs wrote it under the second name alone.
"""

from mezzotint.weights.layout import Layout, Rule, spread

ATTENTION = "layer.0.SelfAttention"
FEED_FORWARD = "layer.1.DenseReluDense"

EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight")
OUTER = (
    *(Rule(name, "token.weight") for name in EMBEDDINGS),
    Rule(f"encoder.block.0.{ATTENTION}.relative_attention_bias.weight", "position.weight"),
    Rule("encoder.final_layer_norm.weight", "norm.weight"),
)
BLOCK = (
    Rule("layer.0.layer_norm.weight", "norm1.weight"),
    Rule(f"{ATTENTION}.q.weight", "q.weight"),
    Rule(f"{ATTENTION}.k.weight", "k.weight"),
    Rule(f"{ATTENTION}.v.weight", "v.weight"),
    Rule(f"{ATTENTION}.o.weight", "out.weight"),
    Rule("layer.1.layer_norm.weight", "norm2.weight"),
    Rule(f"{FEED_FORWARD}.wi_0.weight", "gate.weight"),
    Rule(f"{FEED_FORWARD}.wi_1.weight", "fc1.weight"),
    Rule(f"{FEED_FORWARD}.wo.weight", "fc2.weight"),
)

FOLDER = Layout((*OUTER, *spread((("encoder.block.{i}", "blocks.{i}"),), BLOCK)))
FILE = Layout(FOLDER.rules, twins=(EMBEDDINGS,))
