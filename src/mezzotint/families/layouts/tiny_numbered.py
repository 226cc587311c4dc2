"""Names of the tiny autoencoders: numbered lists of layers, in TAESD's own two files and in a diffusers folder.

The originals are one file for each half without a prefix; their decoder counts its clamp, diffusers' does not.
References: madebyollin/taesd, taesd.py; diffusers, AutoencoderTiny.
"""

from mezzotint.nets.tiny import DECODER_BLOCKS, ENCODER_BLOCKS
from mezzotint.weights.layout import Layout, Rule, joined


def _block(theirs: str, ours: str) -> list[Rule]:
    return [Rule(f"{theirs}.conv.{2 * n}.*", f"{ours}.conv{n + 1}.*") for n in range(3)]


def _encoder() -> Layout:
    rows = [Rule("0.*", "conv_in.*")]
    number = 1
    for i, blocks in enumerate(ENCODER_BLOCKS):
        if i:
            rows.append(Rule(f"{number}.*", f"levels.{i}.down.*"))
            number += 1
        for j in range(blocks):
            rows += _block(str(number), f"levels.{i}.blocks.{j}")
            number += 1
    return Layout((*rows, Rule(f"{number}.*", "conv_out.*")))


def _decoder(first: int) -> Layout:
    """`first` is the number of the first convolution; an activation follows it, and each upsampling has a number."""
    rows = [Rule(f"{first}.*", "conv_in.*")]
    number = first + 2
    for i, blocks in enumerate(DECODER_BLOCKS):
        for j in range(blocks):
            rows += _block(str(number), f"levels.{i}.blocks.{j}")
            number += 1
        if i < len(DECODER_BLOCKS) - 1:
            rows.append(Rule(f"{number + 1}.*", f"levels.{i}.up.*"))
            number += 2
    return Layout((*rows, Rule(f"{number}.*", "conv_out.*")))


ENCODER = _encoder().under("", "encoder.")
"""`taesd_encoder`, `taesdxl_encoder` and `taesd3_encoder` files."""
DECODER = _decoder(1).under("", "decoder.")
"""`taesd_decoder`, `taesdxl_decoder` and `taesd3_decoder` files."""
DIFFUSERS = joined(
    _encoder().under("encoder.layers.", "encoder."), _decoder(0).under("decoder.layers.", "decoder.")
)
"""A diffusers folder of either kind."""
