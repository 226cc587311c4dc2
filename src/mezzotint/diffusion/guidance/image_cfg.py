"""Guidance by a picture beside that by a text (Brooks et al. 2023, equation 3).

Works behind `cfg`, which guides by the text alone. Acts on clean latents, which are affine in the outputs. Does not
know pictures.
"""

from torch import Tensor

from mezzotint.diffusion.denoise import BLANK, NEGATIVE, Answers
from mezzotint.diffusion.guidance.guide import Guide


def image_cfg(scale: float) -> Guide:
    """Adds (scale - 1) times what the negative answer has more beside the picture than without one.

    Behind cfg of scale s that is blank + s * (positive - negative) + scale * (negative - blank), the formula of the
    paper.
    """

    def move(clean: Tensor, answers: Answers) -> Tensor:
        return clean + (scale - 1) * (answers.clean[NEGATIVE] - answers.clean[BLANK])

    return Guide(move, (NEGATIVE, BLANK), lambda level: scale != 1)
