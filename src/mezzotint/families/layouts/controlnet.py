"""Names of a ControlNet: in its original file (below `control_model.`, or bare) and in diffusers folders.

The way down is called as in the UNet of the same layout. Reference: lllyasviel/ControlNet, cldm/cldm.py; diffusers,
ControlNetModel.
"""

from collections.abc import Iterable

from mezzotint.families.layouts import unet_diffusers, unet_ldm
from mezzotint.weights.layout import Layout, Rule, joined

PREFIX = "control_model."

DIFFUSERS_ZEROS = (
    Rule("controlnet_down_blocks.{i}.*", "zero.{i}.*"),
    Rule("controlnet_mid_block.*", "zero_mid.*"),
)
ORIGINAL_ZEROS = (Rule("zero_convs.{i}.0.*", "zero.{i}.*"), Rule("middle_block_out.0.*", "zero_mid.*"))


def diffusers(hints: int) -> Layout:
    """The table of a folder whose hint goes through `hints` convolutions."""
    last = hints - 1
    between = tuple(
        Rule(f"controlnet_cond_embedding.blocks.{n - 1}.*", f"hint.{n}.*") for n in range(1, last)
    )
    ends = (
        Rule("controlnet_cond_embedding.conv_in.*", "hint.0.*"),
        Rule("controlnet_cond_embedding.conv_out.*", f"hint.{last}.*"),
    )
    return joined(Layout((*DIFFUSERS_ZEROS, *ends, *between)), unet_diffusers.LAYOUT)


def original(layers: int, attention: tuple[bool, ...], hints: int) -> Layout:
    """The table of an original file without prefix; activations have numbers of their own there."""
    steps = tuple(Rule(f"input_hint_block.{2 * n}.*", f"hint.{n}.*") for n in range(hints))
    return joined(Layout((*ORIGINAL_ZEROS, *steps)), unet_ldm.layout(layers, attention))


def hints_in(names: Iterable[str]) -> int:
    """How many convolutions the hint goes through, by the names (without prefix) of either layout."""
    starts = ("controlnet_cond_embedding.", "input_hint_block.")
    return sum(name.startswith(starts) and name.endswith(".weight") for name in names)
