"""Names of the UNet in latent-diffusion and sgm files (below `model.diffusion_model.`).

Blocks are numbered through from the first to the last there, so the rows depend on how many layers a level has and
which levels attend; both can be read off the names. Reference: CompVis/latent-diffusion, openaimodel.py;
Stability-AI/generative-models, the same file.
"""

import re
from collections.abc import Iterable

from mezzotint.families.layouts.transformer import TRANSFORMER
from mezzotint.weights.layout import Layout, Rule, spread

OUTER = (
    Rule("time_embed.0.*", "time_in.*"),
    Rule("time_embed.2.*", "time_out.*"),
    Rule("label_emb.0.0.*", "added_in.*"),
    Rule("label_emb.0.2.*", "added_out.*"),
    Rule("label_emb.weight", "classes.weight"),
    Rule("input_blocks.0.0.*", "conv_in.*"),
    Rule("out.0.*", "norm_out.*"),
    Rule("out.2.*", "conv_out.*"),
)
RESNET = (
    Rule("in_layers.0.*", "norm1.*"),
    Rule("in_layers.2.*", "conv1.*"),
    Rule("emb_layers.1.*", "time.*"),
    Rule("out_layers.0.*", "norm2.*"),
    Rule("out_layers.3.*", "conv2.*"),
    Rule("skip_connection.*", "shortcut.*"),
)
DOWNSAMPLE = (Rule("op.*", "*"),)
UPSAMPLE = (Rule("conv.*", "*"),)

Places = list[tuple[str, str]]


def layout(layers: int, attention: tuple[bool, ...]) -> Layout:
    """The table for levels of `layers` residual blocks, of which those with `attention` have transformers."""
    resnets: Places = [("middle_block.0", "mid.resnets.0"), ("middle_block.2", "mid.resnets.1")]
    transformers: Places = [("middle_block.1", "mid.attention")]
    down: Places = []
    up: Places = []
    number, last = 1, len(attention) - 1
    for i, attended in enumerate(attention):
        for j in range(layers):
            resnets.append((f"input_blocks.{number}.0", f"down.{i}.resnets.{j}"))
            if attended:
                transformers.append((f"input_blocks.{number}.1", f"down.{i}.attentions.{j}"))
            number += 1
        if i < last:
            down.append((f"input_blocks.{number}.0", f"down.{i}.downsample"))
            number += 1
    number = 0
    for i, attended in enumerate(reversed(attention)):
        for j in range(layers + 1):
            resnets.append((f"output_blocks.{number}.0", f"up.{i}.resnets.{j}"))
            if attended:
                transformers.append((f"output_blocks.{number}.1", f"up.{i}.attentions.{j}"))
            number += 1
        if i < last:
            up.append((f"output_blocks.{number - 1}.{1 + attended}", f"up.{i}.upsample"))
    rules = (spread(resnets, RESNET), spread(transformers, TRANSFORMER), spread(down, DOWNSAMPLE))
    return Layout((*OUTER, *rules[0], *rules[1], *rules[2], *spread(up, UPSAMPLE)))


_BLOCK = re.compile(r"input_blocks\.(\d{1,4})\.(\d)\.(\w+)")


def numbering(names: Iterable[str]) -> tuple[int, tuple[bool, ...]]:
    """The `layers` and `attention` that the block numbers in `names` (without prefix) were made with."""
    blocks: set[int] = set()
    halvings: set[int] = set()
    attended: set[int] = set()
    for name in names:
        found = _BLOCK.match(name)
        if found:
            number = int(found[1])
            blocks.add(number)
            if found[3] == "op":
                halvings.add(number)
            if found[2] == "1":
                attended.add(number)
    ends = sorted(halvings | {max(blocks, default=0) + 1})
    starts = [1, *(end + 1 for end in ends[:-1])]
    levels = [range(start, end) for start, end in zip(starts, ends, strict=True)]
    return max(1, len(levels[0])), tuple(any(n in attended for n in level) for level in levels)
