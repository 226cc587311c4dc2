"""Names of the autoencoder in diffusers folders (`vae/`), in the spelling of today and in that before 0.17.

Reference: diffusers, AutoencoderKL.
"""

from mezzotint.weights.layout import LINEAR, Layout, Rule, spread

OUTER = (
    Rule("quant_conv.*", "quant.*"),
    Rule("post_quant_conv.*", "post_quant.*"),
    Rule("encoder.down_blocks.{i}.downsamplers.0.conv.*", "encoder.down.{i}.downsample.*"),
    Rule("decoder.up_blocks.{i}.upsamplers.0.conv.*", "decoder.up.{i}.upsample.*"),
)
HALF = (
    Rule("conv_in.*", "conv_in.*"),
    Rule("conv_norm_out.*", "norm_out.*"),
    Rule("conv_out.*", "conv_out.*"),
)
RESNET = (
    Rule("norm{n}.*", "norm{n}.*"),
    Rule("conv{n}.*", "conv{n}.*"),
    Rule("conv_shortcut.*", "shortcut.*"),
)
ATTENTION = (
    Rule("group_norm.*", "norm.*"),
    Rule("to_q.*", "q.*", LINEAR),
    Rule("to_k.*", "k.*", LINEAR),
    Rule("to_v.*", "v.*", LINEAR),
    Rule("to_out.0.*", "out.*", LINEAR),
)
ATTENTION_BEFORE_0_17 = (
    Rule("query.*", "q.*", LINEAR),
    Rule("key.*", "k.*", LINEAR),
    Rule("value.*", "v.*", LINEAR),
    Rule("proj_attn.*", "out.*", LINEAR),
)
HALVES = (("encoder", "encoder"), ("decoder", "decoder"))
RESNETS = (
    ("encoder.down_blocks.{i}.resnets.{j}", "encoder.down.{i}.resnets.{j}"),
    ("encoder.mid_block.resnets.{j}", "encoder.mid.resnets.{j}"),
    ("decoder.mid_block.resnets.{j}", "decoder.mid.resnets.{j}"),
    ("decoder.up_blocks.{i}.resnets.{j}", "decoder.up.{i}.resnets.{j}"),
)
ATTENTIONS = tuple((f"{half}.mid_block.attentions.0", f"{half}.mid.attention") for half, _ in HALVES)

LAYOUT = Layout(
    (
        *OUTER,
        *spread(HALVES, HALF),
        *spread(RESNETS, RESNET),
        *spread(ATTENTIONS, ATTENTION),
        *spread(ATTENTIONS, ATTENTION_BEFORE_0_17),
    )
)
