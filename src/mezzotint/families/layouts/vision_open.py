"""Names of the CLIP vision tower in the spelling of OpenAI and OpenCLIP: below `visual.` of a whole CLIP model.

So it stands in OpenAI's ViT-L/14 and, below `embedder.model.`, in the single files of SD 2.1 unCLIP. The text half of
those is never read: unCLIP takes its text from another encoder. Reference: openai/CLIP, VisionTransformer.
"""

from mezzotint.families.layouts.clip_open import BLOCK
from mezzotint.weights.layout import TRANSPOSED, Layout, Rule

TOWER = (
    Rule("class_embedding", "class_token"),
    Rule("conv1.weight", "patch.weight"),
    Rule("positional_embedding", "position"),
    Rule("ln_pre.*", "norm_in.*"),
    *BLOCK,
    Rule("ln_post.*", "norm.*"),
    Rule("proj", "projection.weight", TRANSPOSED),
)
TEXT_HALF = (
    "token_embedding.**",
    "transformer.**",
    "ln_final.**",
    "positional_embedding",
    "text_projection",
    "logit_scale",
    "attn_mask",
)
UNCLIP = "embedder.model."
"""Where the single files of SD 2.1 unCLIP hold the whole CLIP model."""

LAYOUT = Layout(tuple(row.under("visual.", "") for row in TOWER), TEXT_HALF)
