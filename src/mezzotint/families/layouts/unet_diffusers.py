"""Names of the UNet in diffusers folders (`unet/`). Reference: diffusers, UNet2DConditionModel."""

from mezzotint.families.layouts.transformer import TRANSFORMER
from mezzotint.weights.layout import Layout, Rule, spread

OUTER = (
    Rule("time_embedding.linear_1.*", "time_in.*"),
    Rule("time_embedding.linear_2.*", "time_out.*"),
    Rule("conv_in.*", "conv_in.*"),
    Rule("conv_norm_out.*", "norm_out.*"),
    Rule("conv_out.*", "conv_out.*"),
    Rule("down_blocks.{i}.downsamplers.0.conv.*", "down.{i}.downsample.*"),
    Rule("up_blocks.{i}.upsamplers.0.conv.*", "up.{i}.upsample.*"),
)
RESNET = (
    Rule("norm{n}.*", "norm{n}.*"),
    Rule("conv{n}.*", "conv{n}.*"),
    Rule("time_emb_proj.*", "time.*"),
    Rule("conv_shortcut.*", "shortcut.*"),
)
RESNETS = (
    ("down_blocks.{i}.resnets.{j}", "down.{i}.resnets.{j}"),
    ("mid_block.resnets.{j}", "mid.resnets.{j}"),
    ("up_blocks.{i}.resnets.{j}", "up.{i}.resnets.{j}"),
)
TRANSFORMERS = (
    ("down_blocks.{i}.attentions.{j}", "down.{i}.attentions.{j}"),
    ("mid_block.attentions.0", "mid.attention"),
    ("up_blocks.{i}.attentions.{j}", "up.{i}.attentions.{j}"),
)

CLASSES = (Rule("class_embedding.weight", "classes.weight"),)
ADDED = (Rule("linear_1.*", "added_in.*"), Rule("linear_2.*", "added_out.*"))
ADD_EMBEDDING, CLASS_EMBEDDING = "add_embedding.", "class_embedding."
"""What the added embedding is called: in SDXL, and in unCLIP."""


def layout(added: str = ADD_EMBEDDING) -> Layout:
    """The table that writes the added embedding under the name `added`; both names are read."""
    names = (added, *(name for name in (ADD_EMBEDDING, CLASS_EMBEDDING) if name != added))
    vectors = tuple(rule.under(name, "") for name in names for rule in ADDED)
    return Layout((*OUTER, *CLASSES, *vectors, *spread(RESNETS, RESNET), *spread(TRANSFORMERS, TRANSFORMER)))


LAYOUT = layout()
