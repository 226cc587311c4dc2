"""Names of a T2I-Adapter: diffusers folders, and original files, whose residual blocks are numbered through.

Reference: TencentARC/T2I-Adapter, ldm/modules/encoders/adapter.py; diffusers, T2IAdapter.
"""

from mezzotint.weights.layout import Layout, Rule

DIFFUSERS = Layout(
    (
        Rule("adapter.conv_in.*", "conv_in.*"),
        Rule("adapter.body.{i}.in_conv.*", "blocks.{i}.conv_in.*"),
        Rule("adapter.body.{i}.out_conv.*", "blocks.{i}.conv_out.*"),
        Rule("adapter.body.{i}.resnets.{j}.block{n}.*", "blocks.{i}.resnets.{j}.conv{n}.*"),
    )
)

LIGHT = Layout(
    (
        Rule("body.{i}.in_conv.*", "blocks.{i}.conv_in.*"),
        Rule("body.{i}.out_conv.*", "blocks.{i}.conv_out.*"),
        Rule("body.{i}.body.{j}.block{n}.*", "blocks.{i}.resnets.{j}.conv{n}.*"),
    )
)
"""The original of a light adapter."""


def original(blocks: int, layers: int) -> Layout:
    """The original of a full adapter of `blocks`, each of `layers` residual blocks; the first of a block has the
    convolution that changes the width."""
    rows = [Rule("conv_in.*", "conv_in.*")]
    for i in range(blocks):
        rows.append(Rule(f"body.{i * layers}.in_conv.*", f"blocks.{i}.conv_in.*"))
        for j in range(layers):
            rows.append(Rule(f"body.{i * layers + j}.block{{n}}.*", f"blocks.{i}.resnets.{j}.conv{{n}}.*"))
    return Layout(tuple(rows))
