"""Asks the safety checker about pictures: scores, or just which of them it would hold back.

Takes Pillow pictures and an opened checker. Gives what it says; changes no picture and decides nothing. Knows no files.
"""

from collections.abc import Sequence

import torch
from PIL import Image

from mezzotint.nets.checker import Checked, SafetyChecker
from mezzotint.nets.vision_input import clip_pixels


def check(checker: SafetyChecker, pictures: Sequence[Image.Image]) -> Checked:
    """What `checker` says of `pictures` of any size, without gradients. Raises BadValue: none, or an empty one."""
    with torch.inference_mode():
        return checker(clip_pixels(pictures, checker.geometry.vision.side))


def flags(checker: SafetyChecker, pictures: Sequence[Image.Image]) -> tuple[bool, ...]:
    """For each of `pictures` whether `checker` would hold it back. Raises what `check` raises."""
    return tuple(bool(flag) for flag in check(checker, pictures).flagged)
