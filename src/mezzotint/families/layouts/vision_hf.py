"""Names of the CLIP vision tower as transformers spells them (`image_encoder/`, and inside the safety checker).

Published files carry the numbers 0 to 256 besides. The misspelled `pre_layrnorm` is theirs.
"""

from mezzotint.families.layouts.clip_hf import BLOCK
from mezzotint.weights.layout import Layout, Rule

TOWER = (
    Rule("embeddings.class_embedding", "class_token"),
    Rule("embeddings.patch_embedding.weight", "patch.weight"),
    Rule("embeddings.position_embedding.weight", "position"),
    Rule("pre_layrnorm.*", "norm_in.*"),
    *BLOCK,
    Rule("post_layernorm.*", "norm.*"),
)
PROJECTION = Rule("visual_projection.weight", "projection.weight")
POSITION_IDS = "vision_model.embeddings.position_ids"

LAYOUT = Layout((*(row.under("vision_model.", "") for row in TOWER), PROJECTION), (POSITION_IDS,))
