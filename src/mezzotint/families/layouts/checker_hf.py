"""Names of the safety checker: `safety_checker/` of diffusers folders. Single files hold none.

Published files say `vision_model.` twice, transformers 5 once; both are read, the first is written.
"""

from mezzotint.families.layouts.vision_hf import POSITION_IDS, TOWER
from mezzotint.weights.layout import Layout, Rule

PREFIX = "safety_checker/"

LAYOUT = Layout(
    (
        *(row.under("vision_model.vision_model.", "vision.") for row in TOWER),
        *(row.under("vision_model.", "vision.") for row in TOWER),
        Rule("visual_projection.weight", "vision.projection.weight"),
        Rule("concept_embeds", "concepts"),
        Rule("special_care_embeds", "special"),
        Rule("concept_embeds_weights", "concept_thresholds"),
        Rule("special_care_embeds_weights", "special_thresholds"),
    ),
    (f"vision_model.{POSITION_IDS}", POSITION_IDS),
)
