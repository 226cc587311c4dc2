"""Names of the autoencoder in latent-diffusion files (below `first_stage_model.`).

The decoder counts its levels from the highest resolution there and from the lowest here, so the rows depend on the
number of levels. The attention of the middle is made of 1 x 1 convolutions there. Reference: CompVis/latent-diffusion,
diffusionmodules/model.py.
"""

import re
from collections.abc import Iterable

from mezzotint.weights.layout import POINTWISE, Layout, Rule, spread

OUTER = (
    Rule("quant_conv.*", "quant.*"),
    Rule("post_quant_conv.*", "post_quant.*"),
    Rule("encoder.down.{i}.downsample.conv.*", "encoder.down.{i}.downsample.*"),
)
HALF = (
    Rule("conv_in.*", "conv_in.*"),
    Rule("norm_out.*", "norm_out.*"),
    Rule("conv_out.*", "conv_out.*"),
)
RESNET = (
    Rule("norm{n}.*", "norm{n}.*"),
    Rule("conv{n}.*", "conv{n}.*"),
    Rule("nin_shortcut.*", "shortcut.*"),
)
ATTENTION = (
    Rule("norm.*", "norm.*"),
    Rule("q.*", "q.*", POINTWISE),
    Rule("k.*", "k.*", POINTWISE),
    Rule("v.*", "v.*", POINTWISE),
    Rule("proj_out.*", "out.*", POINTWISE),
)
UPSAMPLE = (Rule("conv.*", "*"),)
HALVES = (("encoder", "encoder"), ("decoder", "decoder"))
ATTENTIONS = tuple((f"{half}.mid.attn_1", f"{half}.mid.attention") for half, _ in HALVES)
MIDDLES = tuple(
    (f"{half}.mid.block_{n + 1}", f"{half}.mid.resnets.{n}") for half, _ in HALVES for n in (0, 1)
)

DROPPED = ("loss.**",)
"""The perceptual loss that autoencoder checkpoints carry from their training."""


def layout(levels: int) -> Layout:
    """The table for an autoencoder of `levels` resolutions."""
    down = ("encoder.down.{i}.block.{j}", "encoder.down.{i}.resnets.{j}")
    up = [(f"decoder.up.{levels - 1 - i}", f"decoder.up.{i}") for i in range(levels)]
    resnets = [*MIDDLES, down, *((f"{theirs}.block.{{j}}", f"{ours}.resnets.{{j}}") for theirs, ours in up)]
    upsamples = [(f"{theirs}.upsample", f"{ours}.upsample") for theirs, ours in up]
    rows = (spread(HALVES, HALF), spread(resnets, RESNET), spread(ATTENTIONS, ATTENTION))
    return Layout((*OUTER, *rows[0], *rows[1], *rows[2], *spread(upsamples, UPSAMPLE)), DROPPED)


_LEVEL = re.compile(r"encoder\.down\.(\d{1,4})\.")


def levels_in(names: Iterable[str]) -> int:
    """How many resolutions the names (without prefix) speak of."""
    return 1 + max((int(found[1]) for name in names if (found := _LEVEL.match(name))), default=0)
