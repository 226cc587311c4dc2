"""Perp-Neg (Armandpour et al. 2023): a negative prompt that takes nothing from the prompt.

Stands in the place of `cfg`. Both prompts are measured from no prompt at all; of the negative one only the part that is
perpendicular to the positive one is subtracted. Acts on clean latents, which differ from outputs by a factor that
cancels. Does not know texts.
"""

from torch import Tensor

from mezzotint.diffusion.denoise import EMPTY, NEGATIVE, POSITIVE, Answers
from mezzotint.diffusion.guidance.apg import along
from mezzotint.diffusion.guidance.guide import Guide, Scale


def perp_neg(scale: Scale, weight: float) -> Guide:
    """Adds, to the answer so far, what leads from the positive answer to
    empty + scale * ((positive - empty) - weight * perpendicular part of (negative - empty))."""

    def move(clean: Tensor, answers: Answers) -> Tensor:
        empty = answers.clean[EMPTY]
        wanted, unwanted = answers.clean[POSITIVE] - empty, answers.clean[NEGATIVE] - empty
        perpendicular = unwanted - along(unwanted, wanted)
        strength = scale(answers.level)
        return clean + (strength - 1) * wanted - strength * weight * perpendicular

    return Guide(move, (NEGATIVE, EMPTY))
