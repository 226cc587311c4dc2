"""Names of the depth network in SD 2 depth's single file: MiDaS around timm's vision transformer.

They lie below `depth_model.model.`. Query, key and value are one tensor there. The head that named the objects of
ImageNet is left out: nothing reads it. References: isl-org/DPT, dpt/vit.py and blocks.py; timm, vit_base_resnet50_384.
"""

from mezzotint.weights.layout import THIRDS, Layout, Rule, spread

PREFIX = "depth_model.model."

QKV = tuple(f"blocks.{{i}}.attention.{part}" for part in "qkv")
TRANSFORMER = (
    Rule("cls_token", "class_token"),
    Rule("pos_embed", "position"),
    Rule("patch_embed.proj.*", "patch.*"),
    Rule("patch_embed.backbone.stem.conv.*", "stem.conv.*"),
    Rule("patch_embed.backbone.stem.norm.*", "stem.norm.*"),
    Rule("blocks.{i}.norm{n}.*", "blocks.{i}.norm{n}.*"),
    Rule("blocks.{i}.attn.qkv.weight", tuple(f"{x}.weight" for x in QKV), THIRDS),
    Rule("blocks.{i}.attn.qkv.bias", tuple(f"{x}.bias" for x in QKV), THIRDS),
    Rule("blocks.{i}.attn.proj.*", "blocks.{i}.attention.out.*"),
    Rule("blocks.{i}.mlp.fc{n}.*", "blocks.{i}.fc{n}.*"),
    Rule("norm.*", "norm.*"),
)
BOTTLENECK = (
    Rule("conv{n}.*", "conv{n}.*"),
    Rule("norm{n}.*", "norm{n}.*"),
    Rule("downsample.conv.*", "shortcut.conv.*"),
    Rule("downsample.norm.*", "shortcut.norm.*"),
)
"""A block of the stem, which transformers spells alike."""
REASSEMBLE = (
    Rule("0.project.0.*", "readout.*"),
    Rule("3.*", "projection.*"),
    Rule("4.*", "halve.*"),
)
FUSION = (
    Rule("out_conv.*", "out.*"),
    Rule("resConfUnit{n}.conv{k}.*", "res{n}.conv{k}.*"),
)
HEAD = tuple(Rule(f"scratch.output_conv.{2 * n}.*", f"head.conv{n + 1}.*") for n in range(3))
NECKS = tuple(Rule(f"scratch.layer{n + 1}_rn.weight", f"necks.{n}.weight") for n in range(4))

BACKBONE = "pretrained.model.patch_embed.backbone.stages.{i}.blocks.{j}"
LAYOUT = Layout(
    (
        *(row.under("pretrained.model.", "") for row in TRANSFORMER),
        *spread([(BACKBONE, "stem.stages.{i}.blocks.{j}")], BOTTLENECK),
        *spread([(f"pretrained.act_postprocess{n + 3}", f"reassemble.{n}") for n in range(2)], REASSEMBLE),
        *NECKS,
        *spread([(f"scratch.refinenet{n + 1}", f"fusions.{n}") for n in range(4)], FUSION),
        *HEAD,
    ),
    dropped=("pretrained.model.head.*",),
).under(PREFIX, "")
