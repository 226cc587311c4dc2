"""Names of a ControlNet of SD 3.5 large in its original file.

They are those of a diffusers folder, but within blocks those of the transformer's own files.

Reference: diffusers, scripts/convert_sd3_controlnet_to_diffusers.py.
"""

from mezzotint.families.layouts import mmdit_diffusers, mmdit_original
from mezzotint.weights.layout import Layout, Rule, spread

KIND = "control_type"
"""The number of what its hints show."""

ORIGINAL = Layout(
    (
        *mmdit_diffusers.OUTER,
        Rule("pos_embed_input.proj.*", "hint.*"),
        Rule("controlnet_blocks.{i}.*", "zero.{i}.*"),
        *spread((("transformer_blocks.{i}", "blocks.{i}.x"),), mmdit_original.STREAM),
    ),
    (KIND,),
)
