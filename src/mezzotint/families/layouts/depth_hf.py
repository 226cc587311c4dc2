"""Names of the depth network as transformers spells them: `depth_estimator/` of diffusers folders.

The decoder counts from the lowest resolution there. Reference: transformers, DPTForDepthEstimation, hybrid.
"""

from mezzotint.families.layouts.depth_timm import BOTTLENECK
from mezzotint.weights.layout import Layout, Rule, spread

TRANSFORMER = (
    Rule("embeddings.cls_token", "class_token"),
    Rule("embeddings.position_embeddings", "position"),
    Rule("embeddings.projection.*", "patch.*"),
    Rule("embeddings.backbone.bit.embedder.convolution.*", "stem.conv.*"),
    Rule("embeddings.backbone.bit.embedder.norm.*", "stem.norm.*"),
    Rule("layernorm.*", "norm.*"),
)
BLOCK = (
    Rule("layernorm_before.*", "norm1.*"),
    Rule("attention.attention.query.*", "attention.q.*"),
    Rule("attention.attention.key.*", "attention.k.*"),
    Rule("attention.attention.value.*", "attention.v.*"),
    Rule("attention.output.dense.*", "attention.out.*"),
    Rule("layernorm_after.*", "norm2.*"),
    Rule("intermediate.dense.*", "fc1.*"),
    Rule("output.dense.*", "fc2.*"),
)
NECK = tuple(
    rule
    for n in range(2)
    for rule in (
        Rule(f"reassemble_stage.readout_projects.{n + 2}.0.*", f"reassemble.{n}.readout.*"),
        Rule(f"reassemble_stage.layers.{n + 2}.projection.*", f"reassemble.{n}.projection.*"),
        Rule(f"reassemble_stage.layers.{n + 2}.resize.*", f"reassemble.{n}.halve.*"),
    )
)
FUSION = (
    Rule("projection.*", "out.*"),
    Rule("residual_layer{n}.convolution{k}.*", "res{n}.conv{k}.*"),
)
BACKBONE = "dpt.embeddings.backbone.bit.encoder.stages.{i}.layers.{j}"

LAYOUT = Layout(
    (
        *(row.under("dpt.", "") for row in TRANSFORMER),
        *spread([(BACKBONE, "stem.stages.{i}.blocks.{j}")], BOTTLENECK),
        *spread([("dpt.encoder.layer.{i}", "blocks.{i}")], BLOCK),
        *(row.under("neck.", "") for row in NECK),
        Rule("neck.convs.{n}.weight", "necks.{n}.weight"),
        *spread([(f"neck.fusion_stage.layers.{3 - n}", f"fusions.{n}") for n in range(4)], FUSION),
        *(Rule(f"head.head.{2 * n}.*", f"head.conv{n + 1}.*") for n in range(3)),
    )
)
