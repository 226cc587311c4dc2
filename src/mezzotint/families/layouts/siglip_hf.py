"""Names of SigLIP's vision tower as transformers spells them, alone or within the whole SigLIP.

Files of transformers before 5 put `vision_model.` before every name. The head and the norm before it, which make one
vector of the picture, are left out, and so is the text half.
"""

from mezzotint.families.layouts.clip_hf import BLOCK
from mezzotint.weights.layout import Layout, Rule

MARKER = "embeddings.patch_embedding.bias"
"""A weight that CLIP's vision towers do not have."""
BEFORE = "vision_model."

TOWER = (
    Rule("embeddings.patch_embedding.*", "patch.*"),
    Rule("embeddings.position_embedding.weight", "position"),
    *BLOCK,
)
LEFT = ("embeddings.position_ids", "post_layernorm.weight", "post_layernorm.bias", "head.**")

LAYOUT = Layout(
    (*(row.under(BEFORE, "") for row in TOWER), *TOWER),
    (*(BEFORE + name for name in LEFT), *LEFT, "text_model.**", "logit_scale", "logit_bias"),
)
